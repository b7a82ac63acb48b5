import { randomBytes } from 'node:crypto';
import { link, open, rename, rm, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { exportFormats, type EntryPage, type ExportFormat } from '@sealgate/vault';
import { refuse } from '../errors.ts';
import { askedBy, filterOptions, type FilterOptions } from './audit-options.ts';
import { administer, type CommandContext } from './context.ts';
import { progressBar } from './progress.ts';

interface ExportOptions extends FilterOptions {
  readonly format: ExportFormat;
  readonly out: string;
  readonly force?: boolean;
}

const help = `
jsonl   the entries as they are, one a line, an attempt before its outcome
csv     one line a call; what a spreadsheet would take for a formula gets a ' in front
ocsf    one event of OCSF 1.8.0 a line, for a SIEM

In the order in which calls ended. The file is new, and can be read by you alone; --force replaces one that is there. It appears
when it is whole.

Examples:
  sealgate audit export --format jsonl --out /backup/audit-2026-11.jsonl --since 2026-11-01 --until 2026-11-30T23:59:59Z
  sealgate audit export --format ocsf --out audit.ocsf.jsonl --tenant '*'
`;

/** `sealgate audit export`. */
export function auditExportCommand(audit: Command, context: CommandContext): void {
  filterOptions(audit.command('export').description('write entries into a file'))
    .addOption(
      new Option('--format <format>', 'how they are written').choices(exportFormats).makeOptionMandatory(),
    )
    .requiredOption('--out <file>', 'where to')
    .option('--force', 'replace the file that is there')
    .option('--json', 'print JSON')
    .addHelpText('after', help)
    .action((options: ExportOptions) => exportTo(context, options));
}

async function exportTo(context: CommandContext, options: ExportOptions): Promise<void> {
  const { terminal } = context;
  const path = resolve(terminal.cwd, options.out);
  if (options.force !== true && (await stat(path).catch(() => undefined)) !== undefined) throw isThere(path);
  const bar = progressBar(terminal.stderr);
  const question = { ...askedBy(options), format: options.format };
  try {
    const bytes = await written(path, options.force === true, async (write) => {
      await administer(context, async ({ call }) => {
        const pieces = (await call('audit.export', question)) as AsyncIterable<{
          readonly text: string;
          readonly reached: EntryPage['reached'];
        }>;
        for await (const { text, reached } of pieces) {
          await write(text);
          if (options.json !== true) bar.show({ what: 'exporting', done: reached.entry, total: reached.of });
        }
      });
    });
    bar.end();
    const done = { file: path, format: options.format, bytes };
    terminal.stdout.write(
      options.json === true ? `${JSON.stringify(done)}\n` : `Wrote ${path} (${bytes} bytes)\n`,
    );
  } finally {
    bar.end();
  }
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
    else await link(draft, path);
  } catch (error) {
    throw error instanceof Error && 'code' in error && error.code === 'EEXIST' ? isThere(path) : error;
  } finally {
    await rm(draft, { force: true });
  }
  return bytes;
}

function isThere(path: string): Error {
  return refuse('usage', `there is a file already: ${path}; say --force to replace it`);
}
