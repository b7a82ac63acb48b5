import type { Readable, Writable } from 'node:stream';

/** What a command reads and writes; a terminal, pipes, or a test. */
export interface Terminal {
  readonly stdin: Readable & { readonly isTTY?: boolean; setRawMode?(raw: boolean): unknown };
  /** Results alone. */
  readonly stdout: Writable;
  /** Prompts and what went wrong. */
  readonly stderr: Writable;
  readonly cwd: string;
}

/** Rows under their heads, in columns two spaces apart; `none` when there is no row. */
export function columns(
  heads: readonly string[],
  rows: readonly (readonly string[])[],
  none: string,
): string {
  if (rows.length === 0) return `${none}\n`;
  const all = [heads, ...rows].map((row) => row.map(printable));
  const widths = heads.map((_, at) => Math.max(...all.map((row) => row[at]?.length ?? 0)));
  return all
    .map(
      (row) =>
        `${row
          .map((cell, at) => cell.padEnd(widths[at] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

/** Text that does not move the cursor of whoever reads it, whatever an upstream or a file called itself. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '?');
}
