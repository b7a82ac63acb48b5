import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import {
  folderSource,
  scopePart,
  urlSource,
  verifyExitCodes,
  verifyLog,
  type LogSource,
  type LogVerdict,
  type Progress,
} from '@sealgate/vault/audit-verify';
import { InvalidArgumentError, type Command } from 'commander';
import { refuse } from '../errors.ts';
import { show, type CommandContext, type CommonOptions } from './context.ts';
import { verifyExported } from './export-verify.ts';
import { anchorsIn, isAddress, keepNotes, rememberedIn, tokenIn, vkeysIn } from './log-notes.ts';
import { progressBar, type ProgressBar } from './progress.ts';
import { printable } from './terminal.ts';
import { findingLines, keyText, said } from './verdict-text.ts';

interface VerifyOptions extends CommonOptions {
  readonly tenant?: readonly string[];
  readonly timeout?: number;
  readonly vkey?: readonly string[];
  /** `false`: nowhere. */
  readonly remember?: string | false;
  readonly anchors?: readonly string[];
  readonly tokenFile?: string;
}

const help = `
Without a log it walks the journal of DATA_DIR. With one, a folder or an address (https, or http on this machine), it verifies
that with nothing but what was published: no gateway, no data directory, no configuration. With a file that sealgate audit export
wrote, it verifies that with what lies beside it (<file>.proof), line by line.

Hold the keys yourself (--vkey), or whoever can write the log can have made them. What a run saw is kept beside the file of
the key that you name (gate.vkey.seen), or where --remember says, and the next run demands that the log has only grown: a file
for each log. Without either nothing is kept, and an older state that is put back does not show.

A running gateway has its log at /audit/log, for auditors (sealgate audit auditor add): their token is shown to it from
--token-file, or from SEALGATE_AUDIT_TOKEN.

Exit codes with a log or an export:
  0  ok: whole and unchanged
  1  tampered: something contradicts what was signed, or stood there before
  2  incomplete: nothing does, but a part is missing; also a command line that is wrong, as everywhere
  3  unreadable: no verdict; the log, a key or a file that was named cannot be read

Examples:
  sealgate audit verify
  sealgate audit verify /mnt/audit --vkey @gate.vkey
  sealgate audit verify https://audit.example/gate --vkey @gate.vkey --remember gate.json --json
  sealgate audit verify https://gate.example/audit/log --vkey @gate.vkey --token-file auditor.token
  sealgate audit verify /mnt/audit --vkey @gate.vkey --anchors /mnt/elsewhere/anchors
  sealgate audit verify https://audit.example/gate --vkey @gate.vkey --tenant crm-client-7 --json
  sealgate audit verify audit.jsonl --vkey @gate.vkey
`;

/** `sealgate audit verify`. @param walk verifies the journal, when no log is named */
export function auditVerify(
  audit: Command,
  context: CommandContext,
  walk: (options: CommonOptions) => Promise<void>,
): void {
  audit
    .command('verify [log]')
    .description('say whether the journal is intact, or a published log or an exported file is')
    .option('--vkey <key>', 'trust this verifier key, or those in @file; may come again', also)
    .option('--remember <file>', 'compare with the checkpoints of the last run, and leave those of this one')
    .option('--no-remember', 'compare with no earlier run, and leave nothing for the next')
    .option(
      '--anchors <from>',
      'compare with checkpoints that were noted elsewhere: a file, a folder or an address; may come again',
      also,
    )
    .option('--token-file <file>', 'show the token in it, to a gateway at an address')
    .option('--tenant <group>', 'of a log, only those of this group or client; may come again', also)
    .option('--timeout <seconds>', 'of an address, for one answer (60)', secondsOf)
    .option('--json', 'print JSON')
    .addHelpText('after', help)
    .action((log: string | undefined, options: VerifyOptions) => {
      const { vkey, remember, anchors, tenant, timeout, tokenFile, json } = options;
      const ofLogs = remember ?? anchors ?? tenant ?? timeout ?? tokenFile;
      if (log === undefined) {
        if ((vkey ?? ofLogs) === undefined) return walk(options);
        throw refuse('usage', 'only --json is for the journal: of a log, name its folder or address');
      }
      const file = isAddress(log) ? undefined : exportedFile(resolve(context.terminal.cwd, log));
      if (file === undefined) return verify(context, log, options);
      if (ofLogs === undefined)
        return verifyExported(context, file, { ...(vkey && { vkey }), ...(json === true && { json }) });
      throw refuse('usage', 'of the options that compare or narrow, only --vkey is for an exported file');
    });
}

/** A log is a folder, so a file is an export. */
function exportedFile(path: string): string | undefined {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true ? path : undefined;
}

function secondsOf(text: string): number {
  const seconds = Number(text);
  if (/^\d{1,4}$/.test(text) && seconds >= 1 && seconds <= 3600) return seconds;
  throw new InvalidArgumentError('It is a number from 1 to 3600.');
}

async function verify(context: CommandContext, log: string, options: VerifyOptions): Promise<void> {
  context.failureCode = verifyExitCodes.unreadable;
  const { terminal, product } = context;
  const pathOf = (file: string): string => resolve(terminal.cwd, file);
  const vkeys = options.vkey && vkeysIn(options.vkey, pathOf);
  const file = memoryOf(options, pathOf);
  const remembered = file === undefined ? undefined : rememberedIn(file);
  const anchors: string[] = [];
  for (const from of options.anchors ?? []) anchors.push(...(await anchorsIn(from, pathOf, product.fetch)));
  const { tenant } = options;
  const source = sourceOf(context, log, options);
  const bar = progressBar(terminal.stderr);
  let verdict: LogVerdict;
  try {
    verdict = await verifyLog(source, {
      ...(vkeys && { vkeys }),
      ...(remembered && { remembered }),
      anchors,
      ...(tenant && { scopes: tenant.map(scopePart) }),
      ...(options.json !== true && { progress: shownBy(bar) }),
    });
  } finally {
    bar.end();
  }
  // Of logs that were not looked at, what was remembered before stays.
  const notes = tenant ? mergedNotes(verdict.notes, remembered) : verdict.notes;
  const kept = file !== undefined && verdict.state === 'ok' && (await keptIn(file, notes, options));
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
  { tokenFile, timeout }: Pick<VerifyOptions, 'tokenFile' | 'timeout'>,
): LogSource {
  const pathOf = (file: string): string => resolve(terminal.cwd, file);
  if (!isAddress(log)) {
    if (tokenFile === undefined && timeout === undefined) return folderSource(pathOf(log));
    throw refuse('usage', '--token-file and --timeout are for a log at an address');
  }
  const token = tokenFile === undefined ? product.auditToken() : tokenIn(pathOf(tokenFile));
  if (token === undefined) return urlSource(log, product.fetch, timeout);
  const headers = { authorization: `Bearer ${token}` };
  return urlSource(log, (url, init) => product.fetch(url, { ...init, headers }), timeout);
}

/** Where checkpoints are kept: where that was asked for, or beside the first file of a key. `undefined`: nowhere. */
function memoryOf(
  { remember, vkey = [] }: Pick<VerifyOptions, 'remember' | 'vkey'>,
  pathOf: (file: string) => string,
): string | undefined {
  if (remember === false) return undefined;
  if (remember !== undefined) return pathOf(remember);
  const file = vkey.find((each) => each.startsWith('@'));
  return file === undefined ? undefined : `${pathOf(file.slice(1))}.seen`;
}

/** @returns whether they are kept now. @throws Refusal `usage` when they cannot be where that was asked for */
async function keptIn(
  file: string,
  notes: readonly string[],
  { remember }: Pick<VerifyOptions, 'remember'>,
): Promise<boolean> {
  try {
    await keepNotes(file, notes);
    return true;
  } catch (error) {
    if (remember !== undefined) throw error;
    return false;
  }
}

function mergedNotes(notes: readonly string[], before: readonly string[] = []): readonly string[] {
  const originOf = (note: string): string => note.slice(0, note.indexOf('\n'));
  const origins = new Set(notes.map(originOf));
  return [...notes, ...before.filter((note) => !origins.has(originOf(note)))];
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

function verdictText(verdict: LogVerdict, compared: Compared): string {
  const { state, keys, logs, left, entries, bodies } = verdict;
  return [
    said[state],
    ...findingLines(verdict),
    `Logs: ${logs}, with ${entries} entries; ${bodies} disclosed bodies were compared with them`,
    ...(left === 0 ? [] : [`NOT verified: ${left} logs of others (--tenant)`]),
    keyText(keys),
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
