import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { suites, type Suite } from './suites.ts';

// The table of what the suites found, as docs/protocol.md shows it: every number there comes from a run.

/** Where a suite was run, in the order of the table, and how the table calls it. */
const rows = {
  direct: 'the server without the gateway',
  http: '`/mcp/{upstream}`, HTTP, both eras',
  all: '`/mcp`, names mapped',
  child: '`/mcp/{upstream}`, a child process',
  'old-on-modern': 'an older client, a 2026-07-28 upstream',
  'old-on-modern-child': 'an older client, a 2026-07-28 child process',
  'modern-on-old': 'a 2026-07-28 client, an older upstream',
} as const;

/** Where a suite is run. */
export type Place = keyof typeof rows;

/** What was found in one cell. */
export interface Found {
  readonly place: Place;
  readonly suite: Suite;
  readonly scenarios: number;
  /** Scenarios that failed as expected. */
  readonly failed: number;
  readonly checks: number;
}

const file = fileURLToPath(new URL('../../docs/protocol.md', import.meta.url));
const between = /(?<=<!-- judges:begin -->\n)[\s\S]*?(?=<!-- judges:end -->)/;

/** Whether the document shows what was found. @param write put it there instead */
export async function compareTable(found: readonly Found[], write: boolean): Promise<boolean> {
  const text = await readFile(file, 'utf8');
  const shown = text.replace(between, tableOf(found));
  if (write) await writeFile(file, shown);
  return write || shown === text;
}

function tableOf(found: readonly Found[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`;
  const cell = (place: Place, suite: Suite): string => {
    const one = found.find((each) => each.place === place && each.suite === suite);
    if (one === undefined) return '–';
    return `${one.scenarios} of ${one.scenarios + one.failed}, ${one.checks} checks`;
  };
  const lines = Object.entries(rows).map(([place, name]) =>
    line([name, ...suites.map((suite) => cell(place as Place, suite))]),
  );
  return [line(['Where', ...suites]), line(['---', ...suites.map(() => '---')]), ...lines].join('');
}
