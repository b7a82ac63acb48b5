import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { atMost, type Bench } from './bars.ts';
import { benchNames, withTables } from './page.ts';

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');

it('puts results between the marks of a page, and puts them there again without a trace', () => {
  const bench: Bench = { bench: 'one', bars: [atMost('a $& b', 3, 'us', 2)] };
  const page = 'before\n<!-- results -->\nold\n<!-- /results -->\nafter\n';
  const once = withTables(page, [bench]);
  expect(once).toContain('| a $& b | 3 us | ≤ 2 | **missed** |');
  expect(once).toMatch(/^before\n[\s\S]*\nafter\n$/);
  expect(once).not.toContain('old');
  expect(withTables(once, [bench])).toBe(once);
});

it('docs/performance.md shows the results that are kept', () => {
  const kept = (name: string): boolean => existsSync(new URL(`results/${name}.json`, import.meta.url));
  const benches = benchNames.filter(kept).map((name) => JSON.parse(read(`results/${name}.json`)) as Bench);
  expect(benches.length).toBeGreaterThan(3);
  expect(withTables(read('../docs/performance.md'), benches)).toBe(read('../docs/performance.md'));
});
