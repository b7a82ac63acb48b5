import { resolve } from 'node:path';
import {
  folderSource,
  urlSource,
  verifyExitCodes,
  verifyLog,
  type LogSource,
  type LogState,
  type LogVerdict,
  type Progress,
} from '@sealgate/vault/audit-verify';
import type { Command } from 'commander';
import { refuse } from '../errors.ts';
import { show, type CommandContext, type CommonOptions } from './context.ts';
import { anchorsIn, isAddress, keepNotes, rememberedIn, tokenIn, vkeysIn } from './log-notes.ts';
import { progressBar, type ProgressBar } from './progress.ts';
import { columns, printable } from './terminal.ts';

interface VerifyOptions extends CommonOptions {
  readonly vkey?: readonly string[];
  readonly remember?: string;
  readonly anchors?: readonly string[];
  readonly tokenFile?: string;
}

const help = `
Without a log it walks the journal of DATA_DIR. With one, a folder or an address (https, or http on this machine), it verifies
that with nothing but what was published: no gateway, no data directory, no configuration.

Hold the keys yourself (--vkey), or whoever can write the log can have made them. Keep what a run saw (--remember, a file for
each log), or an older state that is put back does not show; nothing is kept without it.

A running gateway has its log at /audit/log, for auditors (sealgate audit auditor add): their token is shown to it from
--token-file, or from SEALGATE_AUDIT_TOKEN.

Exit codes with a log:
  0  ok: whole and unchanged
  1  tampered: something contradicts what was signed, or stood there before
  2  incomplete: nothing does, but a part is missing; also a command line that is wrong, as everywhere
  3  unreadable: no verdict; the log, a key or a file that was named cannot be read

Examples:
  sealgate audit verify
  sealgate audit verify /mnt/audit --vkey @gate.vkey --remember gate.json
  sealgate audit verify https://audit.example/gate --vkey @gate.vkey --json
  sealgate audit verify https://gate.example/audit/log --vkey @gate.vkey --token-file auditor.token
  sealgate audit verify /mnt/audit --vkey @gate.vkey --anchors /mnt/elsewhere/anchors
`;

/** `sealgate audit verify`. @param walk verifies the journal, when no log is named */
export function auditVerify(
  audit: Command,
  context: CommandContext,
  walk: (options: CommonOptions) => Promise<void>,
): void {
  audit
    .command('verify [log]')
    .description('say whether the journal is intact, or a published log is')
    .option('--vkey <key>', 'trust this verifier key, or those in @file; may come again', also)
    .option('--remember <file>', 'compare with the checkpoints of the last run, and leave those of this one')
    .option(
      '--anchors <from>',
      'compare with checkpoints that were noted elsewhere: a file, a folder or an address; may come again',
      also,
    )
    .option('--json', 'print JSON')
    .addHelpText('after', help)
    .action((log: string | undefined, options: VerifyOptions) => {
      if (log !== undefined) return verify(context, log, options);
      const { vkey, remember, anchors, tokenFile } = options;
      if ((vkey ?? remember ?? anchors ?? tokenFile) === undefined) return walk(options);
      throw refuse(
        'usage',
        '--vkey, --remember, --anchors and --token-file are for a log: name its folder or address',
      );
    });
}

async function verify(context: CommandContext, log: string, options: VerifyOptions): Promise<void> {
  context.failureCode = verifyExitCodes.unreadable;
  const { terminal, product } = context;
  const pathOf = (file: string): string => resolve(terminal.cwd, file);
  const vkeys = options.vkey && vkeysIn(options.vkey, pathOf);
  const file = options.remember === undefined ? undefined : pathOf(options.remember);
  const remembered = file === undefined ? undefined : rememberedIn(file);
  const anchors: string[] = [];
  for (const from of options.anchors ?? []) anchors.push(...(await anchorsIn(from, pathOf, product.fetch)));
  const source = sourceOf(context, log, options.tokenFile && pathOf(options.tokenFile));
  const bar = progressBar(terminal.stderr);
  let verdict: LogVerdict;
  try {
    verdict = await verifyLog(source, {
      ...(vkeys && { vkeys }),
      ...(remembered && { remembered }),
      anchors,
      ...(options.json !== true && { progress: shownBy(bar) }),
    });
  } finally {
    bar.end();
  }
  const kept = file !== undefined && verdict.state === 'ok';
  if (kept) await keepNotes(file, verdict.notes);
  const compared: Compared = {
    file,
    remembered: remembered?.length ?? 0,
    anchors: anchors.length,
    kept,
  };
  context.exitCode = verifyExitCodes[verdict.state];
  show(context, options, { ...verdict, compared: { ...compared, file: file ?? null } }, () =>
    verdictText(verdict, compared),
  );
}

/** A folder, or an address, where a token is shown when there is one. */
function sourceOf(
  { terminal, product }: CommandContext,
  log: string,
  tokenFile: string | undefined,
): LogSource {
  if (!isAddress(log)) {
    if (tokenFile === undefined) return folderSource(resolve(terminal.cwd, log));
    throw refuse('usage', '--token-file is for a log at an address');
  }
  const token = tokenFile === undefined ? product.auditToken() : tokenIn(tokenFile);
  if (token === undefined) return urlSource(log, product.fetch);
  const headers = { authorization: `Bearer ${token}` };
  return urlSource(log, (url, init) => product.fetch(url, { ...init, headers }));
}

/** What the log was compared with beside itself: so many checkpoints. */
interface Compared {
  /** Where checkpoints are remembered. */
  readonly file: string | undefined;
  readonly remembered: number;
  readonly anchors: number;
  /** Whether those of this run are there now. */
  readonly kept: boolean;
}

function also(given: string, before: readonly string[] = []): readonly string[] {
  return [...before, given];
}

/** The log over all logs names the others: until it is read, nobody knows how much there is. */
function shownBy(bar: ProgressBar): (progress: Progress) => void {
  const seen = new Map<string, number>();
  let done = 0;
  let total = 0;
  return (step) => {
    if (step.log.endsWith('/audit/root'))
      return bar.show({ what: 'reading which logs there are', done: step.done, total: step.size });
    const before = seen.get(step.log);
    seen.set(step.log, step.done);
    done += step.done - (before ?? 0);
    if (before === undefined) total += step.size;
    else bar.show({ what: 'verifying entries', done, total });
    return undefined;
  };
}

const said: Readonly<Record<LogState, string>> = {
  ok: 'Ok: whole and unchanged',
  tampered: 'Tampered: something contradicts what was signed, or stood there before',
  incomplete: 'Incomplete: nothing contradicts what was signed, but a part is missing',
  unreadable: 'Unreadable: it cannot be said whether it is whole',
};
const shownMax = 50;

function verdictText(verdict: LogVerdict, compared: Compared): string {
  const { state, findings, keys, logs, entries, bodies } = verdict;
  const rows = findings
    .slice(0, shownMax)
    .map(({ state: found, log, index, path, says }) => [
      found,
      log ?? '',
      String(index ?? ''),
      path ?? '',
      says,
    ]);
  const more = findings.length - rows.length;
  return [
    said[state],
    ...(rows.length === 0 ? [] : [columns(['FOUND', 'LOG', 'ENTRY', 'FILE', 'WHAT'], rows, '').trimEnd()]),
    ...(more > 0 ? [`and ${more} more; --json prints them`] : []),
    `Logs: ${logs}, with ${entries} entries; ${bodies} disclosed bodies were compared with them`,
    keys === 'given'
      ? 'Keys: those you gave'
      : 'Keys: NOT compared with any that you hold; the log names them itself, and agrees with itself at most (--vkey)',
    `Before: ${beforeText(compared)}`,
    ...(compared.anchors === 0 ? [] : [`Anchors: compared with ${compared.anchors} that you gave`]),
    '',
  ].join('\n');
}

function beforeText({ file, remembered, kept }: Compared): string {
  if (file === undefined)
    return 'NOT compared with an earlier run; an older state put back would not show (--remember)';
  const name = printable(file);
  if (remembered === 0)
    return `nothing was remembered; ${name} ${kept ? 'has this run now' : 'was not made'}`;
  return `compared with ${remembered} checkpoints of ${name}, which ${kept ? 'has those of this run now' : 'is left as it is'}`;
}
