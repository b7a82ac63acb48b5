import { resolve } from 'node:path';
import type { Command } from 'commander';
import { writeLog, type ProvenEntry, type PublishedFile, type WrittenLog } from '@sealgate/vault';
import type { AnchorsStanding, LogPiece, RootCheckpoint } from '../domain/admin-answers.ts';
import { administer, show, type CommandContext, type CommonOptions } from './context.ts';
import { progressBar } from './progress.ts';

// The log that strangers can check, as its owner takes it out.

const checkpointHelp = `
The signed checkpoint over all logs, up to now. Keep one elsewhere now and then, where whoever has this machine cannot write:
nothing that it covers can be changed unseen any more. The key to check it with, to be told to whoever checks, goes to
standard error, and is in --json; so is what was noted elsewhere by itself (AUDIT_ANCHOR_URL), and what is younger than that.

Example:
  sealgate audit checkpoint > /mnt/elsewhere/audit-$(date +%F).checkpoint
`;
const proofHelp = `
Index, inclusion proof and signed checkpoint (C2SP tlog-proof) of an attempt or an outcome, in one text. With --json also the
log it stands in and the entry as it stands there, which the proof is about.

Example:
  sealgate audit proof 01932b6e-7a55-7cc3-98c4-dc0c0c073990 --json
`;

/** `sealgate audit checkpoint|proof`. */
export function auditLogCommands(audit: Command, context: CommandContext): void {
  audit
    .command('checkpoint')
    .description('print the signed checkpoint of the sealed log')
    .option('--json', 'print JSON')
    .addHelpText('after', checkpointHelp)
    .action((options: CommonOptions) => checkpoint(context, options));
  audit
    .command('proof <id>')
    .description('print the proof that an entry is in the sealed log')
    .option('--tenant <group>', 'of this group or client; * for all (your own group when not given)')
    .option('--json', 'print JSON')
    .addHelpText('after', proofHelp)
    .action((id: string, options: ProofOptions) => proof(context, id, options));
}

function anchorsText({ places, everySeconds }: AnchorsStanding): string {
  const anchored = places.flatMap(({ place, recent }) => recent.map((each) => ({ place, ...each })));
  const lines = anchored
    .toSorted((a, b) => a.atMs - b.atMs)
    .map(({ place, atMs, size, state, code }) =>
      state === 'anchored'
        ? `Anchored: ${timeOf(atMs)}, ${size} entries of the root log, ${place}`
        : `NOT anchored: ${timeOf(atMs)}, ${place} (${code ?? 'unknown'})`,
    );
  const late = places.filter(({ state }) => state === 'overdue').map(({ place }) => place);
  if (late.length > 0)
    lines.push(`OVERDUE, nothing for three intervals of ${everySeconds} s: ${late.join(', ')}`);
  const times = places.flatMap(({ lastMs }) => (lastMs === undefined ? [] : [lastMs]));
  lines.push(
    times.length === 0
      ? 'Nothing of the log is anchored elsewhere: whoever has this machine and its keys can rewrite all of it'
      : `What is younger than ${timeOf(Math.max(...times))} is not anchored elsewhere`,
  );
  return lines.map((line) => `${line}\n`).join('');
}

function timeOf(atMs: number): string {
  return new Date(atMs).toISOString();
}

interface ProofOptions extends CommonOptions {
  readonly tenant?: string;
}

async function checkpoint(context: CommandContext, options: CommonOptions): Promise<void> {
  const found = (await administer(context, ({ call }) => call('audit.checkpoint', {}))) as RootCheckpoint;
  const { stderr } = context.terminal;
  tellBehind(context, found.behind);
  if (options.json !== true) {
    for (const vkey of found.vkeys) stderr.write(`Key: ${vkey}\n`);
    stderr.write(anchorsText(found.anchors));
  }
  const [origin, size, root] = found.checkpoint.split('\n');
  show(context, options, { origin, size: Number(size), root, ...found }, () => found.checkpoint);
}

async function proof(context: CommandContext, id: string, options: ProofOptions): Promise<void> {
  const { tenant } = options;
  const question = { id, ...(tenant === undefined ? {} : { tenant }) };
  const proven = (await administer(context, ({ call }) => call('audit.proof', question))) as ProvenEntry;
  show(context, options, proven, () => proven.proof);
}

/** How a log is taken. */
export interface LogExport extends CommonOptions {
  readonly out: string;
  readonly tenant?: string;
  /** `false`: no body is disclosed. */
  readonly bodies: boolean;
  /** The mark of a former instance, whose log is taken in place of this one's. */
  readonly former?: string;
}

/** `sealgate audit export --format log`. */
export async function exportLog(context: CommandContext, options: LogExport): Promise<void> {
  const { terminal } = context;
  const directory = resolve(terminal.cwd, options.out);
  const { tenant, bodies, former } = options;
  const question = {
    bodies,
    ...(tenant === undefined ? {} : { tenant }),
    ...(former === undefined ? {} : { former }),
  };
  const bar = progressBar(terminal.stderr);
  const written = (await administer(context, async ({ call }) => {
    const pieces = (await call('audit.export.log', question)) as AsyncIterable<LogPiece>;
    return writeLog(
      directory,
      filesOf(pieces, {
        began: ({ behind }) => tellBehind(context, behind),
        wrote: (done, total) => {
          if (options.json !== true) bar.show({ what: 'exporting', done, total });
        },
      }),
    );
  }).finally(() => bar.end())) as WrittenLog;
  const done = { directory, format: 'log', ...written };
  terminal.stdout.write(
    options.json === true
      ? `${JSON.stringify(done)}\n`
      : `Wrote ${directory} (${written.files} files, ${written.bodies} entries disclosed)\n`,
  );
}

type Begun = Extract<LogPiece, { readonly files: number }>;

async function* filesOf(
  pieces: AsyncIterable<LogPiece>,
  told: { began(begun: Begun): void; wrote(done: number, total: number): void },
): AsyncGenerator<PublishedFile> {
  let total = 0;
  let done = 0;
  for await (const piece of pieces) {
    if ('files' in piece) {
      total = piece.files;
      told.began(piece);
      continue;
    }
    const { path, base64, bodies } = piece;
    yield { path, bytes: Buffer.from(base64, 'base64'), bodies };
    // Files of bodies come beside those that were counted.
    if (bodies === 0) done += 1;
    told.wrote(done, total);
  }
}

function tellBehind({ terminal }: CommandContext, behind: string | undefined): void {
  if (behind !== undefined) terminal.stderr.write(`What was recorded last may not be in it: ${behind}\n`);
}
