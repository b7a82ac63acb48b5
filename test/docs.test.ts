import { readFileSync } from 'node:fs';
import { vaultCodes } from '@sealgate/vault';
import { expect, test } from 'vitest';
import { configurationManual, explainedCodes } from '../checks/manual.ts';
import { serverCodes } from '../packages/server/src/errors.ts';

const page = (name: string) => readFileSync(new URL(`../docs/${name}`, import.meta.url), 'utf8');

test('docs/configuration.md is what the table of variables says', () => {
  expect(page('configuration.md'), 'run `npm run docs`').toBe(configurationManual());
});

test('docs/errors.md explains every code once, in order, and no other', () => {
  expect(explainedCodes(page('errors.md'))).toEqual([...vaultCodes, ...serverCodes]);
});

test('every row of docs/errors.md says what it means and what to do', () => {
  const rows = page('errors.md')
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  for (const row of rows)
    expect(row.split('|').map((cell) => cell.trim())).toEqual([
      '',
      ...Array(3).fill(expect.stringMatching(/./)),
      '',
    ]);
});

test('every promise of docs/threats.md names tests that are there', () => {
  const named = [...page('threats.md').matchAll(/\[([^\]]+)\]\(\.\.\/([^)]+\.test\.ts)\)/g)];
  const missing = named.filter(
    ([, name = '', path = '']) =>
      !readFileSync(new URL(`../${path}`, import.meta.url), 'utf8').includes(name),
  );
  expect(missing.map(([link]) => link)).toEqual([]);
  expect(named.length).toBeGreaterThan(40);
});
