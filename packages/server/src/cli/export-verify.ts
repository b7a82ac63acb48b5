import { createReadStream } from 'node:fs';
import { resolve } from 'node:path';
import {
  folderSource,
  verifyExitCodes,
  verifyExport,
  type ExportVerdict,
} from '@sealgate/vault/audit-verify';
import { refuse } from '../errors.ts';
import { show, type CommandContext, type CommonOptions } from './context.ts';
import { vkeysIn } from './log-notes.ts';
import { progressBar } from './progress.ts';
import { findingLines, keyText, said } from './verdict-text.ts';

/** `sealgate audit verify <file>`: an exported file, with what lies beside it. @param file its path */
export async function verifyExported(
  context: CommandContext,
  file: string,
  options: CommonOptions & { readonly vkey?: readonly string[] },
): Promise<void> {
  context.failureCode = verifyExitCodes.unreadable;
  const { terminal } = context;
  const vkeys = options.vkey && vkeysIn(options.vkey, (path) => resolve(terminal.cwd, path));
  const bar = progressBar(terminal.stderr);
  let verdict: ExportVerdict;
  try {
    verdict = await verifyExport(
      { file: bytesOf(file), proof: folderSource(`${file}.proof`) },
      {
        ...(vkeys && { vkeys }),
        ...(options.json !== true && {
          progress: ({ done, size }) => bar.show({ what: 'verifying lines', done, total: size }),
        }),
      },
    );
  } finally {
    bar.end();
  }
  context.exitCode = verifyExitCodes[verdict.state];
  show(context, options, verdict, () => verdictText(verdict));
}

async function* bytesOf(file: string): AsyncGenerator<Uint8Array> {
  try {
    for await (const bytes of createReadStream(file)) yield bytes as Uint8Array;
  } catch (error) {
    throw refuse('usage', `${file} cannot be read`, undefined, error);
  }
}

const logsShownMax = 20;

function verdictText(verdict: ExportVerdict): string {
  const { state, lines, entries, unproven, whole, logs, keys } = verdict;
  const shares = logs
    .slice(0, logsShownMax)
    .map(({ origin, entries: has, size }) => `  ${origin}: ${has} entries; the log has ${size} leaves`);
  const more = logs.length > shares.length ? [`  and ${logs.length - shares.length} more`] : [];
  return [
    said[state],
    ...findingLines(verdict),
    `Lines: ${lines}; ${entries} entries proven, ${unproven} without a proof; of`,
    ...shares,
    ...more,
    whole
      ? 'Asked for: everything, up to the last entry that is there'
      : 'Asked for: a part. Each entry is proven; that none was left out is NOT',
    keyText(keys),
    '',
  ].join('\n');
}
