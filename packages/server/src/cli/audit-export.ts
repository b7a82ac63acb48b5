import { randomBytes } from 'node:crypto';
import { constants, copyFile, link, open, rename, rm, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { exportFormats, type EntryPage } from '@sealgate/vault';
import type { ProvenExportPiece } from '../domain/admin-answers.ts';
import { refuse } from '../errors.ts';
import { exportLog } from './audit-log.ts';
import { askedBy, filterOptions } from './audit-options.ts';
import type { CommandContext } from './context.ts';
import { piecesOf, type PiecesOptions } from './export-pieces.ts';
import { openProofFolder } from './export-proof.ts';
import { progressBar } from './progress.ts';

interface ExportOptions extends PiecesOptions {
  readonly out: string;
  readonly bodies: boolean;
  readonly former?: string;
  readonly force?: boolean;
}

const help = `
jsonl   the entries as they are, one a line, an attempt before its outcome
csv     one line a call; what a spreadsheet would take for a formula gets a ' in front
ocsf    one event of OCSF 1.8.0 a line, for a SIEM
log     a folder that whoever has it can verify: all logs, signed, with what entries say of one group (--tenant), or of nobody
        (--no-bodies); into a folder that is empty or not there

The others in the order in which calls ended. The file is new, and can be read by you alone; --force replaces one that is there. It appears
when it is whole. Beside it lies what proves it, <path>.proof: whoever has both can say whether a line was changed, without this
gateway (sealgate audit verify <path>). Keep them together; --no-proof writes none.

With --from nothing of this machine is read: the gateway at that address (https, or http on this machine) is asked as an auditor,
with the token of --token-file, or of SEALGATE_AUDIT_TOKEN. What is not narrowed by --tenant is all that the auditor may see.

Examples:
  sealgate audit export --format jsonl --out /backup/audit-2026-11.jsonl --since 2026-11-01 --until 2026-11-30T23:59:59Z
  sealgate audit export --format ocsf --out audit.ocsf.jsonl --tenant '*'
  sealgate audit export --format jsonl --out audit.jsonl --from https://gate.example --token-file auditor.token
  sealgate audit export --format log --out /media/auditor/log --tenant crm-client-7
`;

/** `sealgate audit export`. */
export function auditExportCommand(audit: Command, context: CommandContext): void {
  filterOptions(audit.command('export').description('write entries into a file'))
    .addOption(
      new Option('--format <format>', 'how they are written')
        .choices([...exportFormats, 'log'])
        .makeOptionMandatory(),
    )
    .requiredOption('--out <path>', 'where to; of a log a folder')
    .option('--force', 'replace the file that is there')
    .option('--no-bodies', 'of a log: only what anybody may see')
    .option('--former <mark>', 'of a log: that of a former instance, which came with sealgate import')
    .option('--no-proof', 'of the others: without what proves it')
    .option('--from <address>', 'of the others: out of the gateway that runs there, for an auditor')
    .option('--token-file <file>', 'show the token in it to that gateway')
    .option('--json', 'print JSON')
    .addHelpText('after', help)
    .action((options: ExportOptions) => (options.format === 'log' ? wholeLog : exportTo)(context, options));
}

async function wholeLog(context: CommandContext, options: ExportOptions): Promise<void> {
  const { out, bodies, json, tenant, force, former, from, tokenFile } = options;
  if ((from ?? tokenFile) !== undefined)
    throw refuse('usage', 'a log at an address is verified there: sealgate audit verify <address>/audit/log');
  const { tenant: _, ...narrower } = askedBy(options);
  if (force === true || Object.keys(narrower).length > 0)
    throw refuse(
      'usage',
      'a log is exported whole, into an empty folder: --tenant, --no-bodies and --former are all it takes',
    );
  const whose = { ...(tenant === undefined ? {} : { tenant }), ...(json === undefined ? {} : { json }) };
  return exportLog(context, { out, bodies, ...whose, ...(former === undefined ? {} : { former }) });
}

async function exportTo(context: CommandContext, options: ExportOptions): Promise<void> {
  const { terminal } = context;
  if (options.former !== undefined) throw refuse('usage', '--former is for --format log');
  const path = resolve(terminal.cwd, options.out);
  const replace = options.force === true;
  if (!replace && (await stat(path).catch(() => undefined)) !== undefined) throw isThere(path);
  const beside = await openProofFolder(path, replace);
  const bar = progressBar(terminal.stderr);
  const told = ({ entry, of }: EntryPage['reached']): void => {
    if (options.json !== true) bar.show({ what: 'exporting', done: entry, total: of });
  };
  let ended: Ended | undefined;
  try {
    const bytes = await written(path, replace, async (write) => {
      const sinks = { write, told, beside: options.proof ? beside : undefined };
      ended = await piecesOf(context, options, (pieces) => taken(pieces, sinks));
    });
    await beside.place();
    bar.end();
    const proof = options.proof ? { proof: beside.path, ...ended } : {};
    const done = { file: path, format: options.format, bytes, ...proof };
    terminal.stdout.write(
      options.json === true
        ? `${JSON.stringify(done)}\n`
        : `Wrote ${path} (${bytes} bytes)${ended === undefined ? '' : provenText(ended)}\n`,
    );
  } finally {
    bar.end();
    await beside.discard();
  }
}

type Ended = Extract<ProvenExportPiece, { readonly lines: number }>;

interface Sinks {
  readonly write: (text: string) => Promise<void>;
  readonly told: (reached: EntryPage['reached']) => void;
  /** `undefined`: nothing proves it. */
  readonly beside: Awaited<ReturnType<typeof openProofFolder>> | undefined;
}

/** The text into the file, the rest beside it. @returns how much it was, when that is said */
async function taken(
  pieces: AsyncIterable<ProvenExportPiece>,
  { write, told, beside }: Sinks,
): Promise<Ended | undefined> {
  let ended: Ended | undefined;
  const files = async function* () {
    for await (const piece of pieces) {
      if ('path' in piece) yield { path: piece.path, bytes: Buffer.from(piece.base64, 'base64'), bodies: 0 };
      else if ('lines' in piece) ended = piece;
      else {
        await write(piece.text);
        if (piece.reached !== undefined) told(piece.reached);
      }
    }
  };
  if (beside !== undefined) await beside.write(files());
  else for await (const { path } of files()) throw new Error(`nobody asked for ${path}`);
  return ended;
}

function provenText({ entries, unproven, behind }: Ended): string {
  const why = behind === undefined ? '' : `: ${behind}`;
  const without = unproven === 0 ? '' : `; ${unproven} of them without a proof${why}`;
  return `, and beside it what proves it (${entries} entries${without})`;
}

/** Write a file that appears when it is whole. @returns its length in bytes */
async function written(
  path: string,
  replace: boolean,
  fill: (write: (text: string) => Promise<void>) => Promise<void>,
): Promise<number> {
  const draft = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  let bytes = 0;
  try {
    const file = await open(draft, 'wx', 0o600);
    try {
      await fill(async (text) => {
        await file.appendFile(text);
        bytes += Buffer.byteLength(text);
      });
      await file.sync();
    } finally {
      await file.close();
    }
    if (replace) await rename(draft, path);
    else await place(draft, path);
  } catch (error) {
    throw error instanceof Error && 'code' in error && error.code === 'EEXIST' ? isThere(path) : error;
  } finally {
    await rm(draft, { force: true });
  }
  return bytes;
}

/** Give the file its name, unless there is one of it. */
async function place(draft: string, path: string): Promise<void> {
  try {
    await link(draft, path);
  } catch (error) {
    // A stick or a share may know no links.
    const unknown = ['EPERM', 'ENOTSUP', 'ENOSYS', 'EOPNOTSUPP'];
    if (!(error instanceof Error && 'code' in error && unknown.includes(String(error.code)))) throw error;
    await copyFile(draft, path, constants.COPYFILE_EXCL);
  }
}

function isThere(path: string): Error {
  return refuse('usage', `there is a file already: ${path}; say --force to replace it`);
}
