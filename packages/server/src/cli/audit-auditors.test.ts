import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { initConfig } from '../config.ts';
import type { AuditorLine } from '../domain/admin-answers.ts';
import { productOf, runLine, type Said } from './fixtures/command-line.ts';

let cwd: string;
beforeEach(() => void (cwd = mkdtempSync(join(tmpdir(), 'sealgate-auditors-'))));
afterEach(() => rmSync(cwd, { recursive: true }));

const run = (...argv: readonly string[]): Promise<Said> =>
  runLine(
    productOf(() => initConfig({ env: {}, cwd })),
    ['audit', 'auditor', ...argv],
    { cwd },
  );
const listed = async (): Promise<readonly AuditorLine[]> =>
  JSON.parse((await run('list', '--json')).stdout) as readonly AuditorLine[];

test('auditors are added, listed and removed; the token is printed once', async () => {
  expect((await run('list')).stdout).toContain('No auditor');
  const added = await run('add', 'ann', '--tenant', '*', '--days', '2');
  expect([added.code, added.stdout]).toEqual([
    0,
    expect.stringMatching(/^Added ann; .*: sga_\S{43}\.ann\n$/),
  ]);
  const line = (await run('add', 'ben', '--json')).stdout;
  expect(JSON.parse(line)).toMatchObject({ name: 'ben', token: expect.stringMatching(/^sga_/) as string });
  const lines = await listed();
  expect(lines.map(({ name, addedAtMs, endsAtMs }) => [name, endsAtMs - addedAtMs])).toEqual([
    ['ann', 2 * 86_400_000],
    ['ben', 90 * 86_400_000],
  ]);
  // Without a tenant it is the operator's own group.
  expect(lines.map(({ tenant }) => tenant === '*')).toEqual([true, false]);
  expect((await run('list')).stdout + JSON.stringify(lines)).not.toContain('sga_');
  expect((await run('remove', 'ann')).stdout).toBe('Removed ann\n');
  expect((await listed()).map(({ name }) => name)).toEqual(['ben']);
});

test.each([
  [1, ['remove', 'nobody'], 'not_found'],
  [2, ['add', 'Not A Name'], 'usage'],
  [2, ['add', 'ann', '--days', '0'], 'usage'],
  [2, ['add', 'ann', '--days', '367'], 'usage'],
  [2, ['add', 'ann', '--days', 'many'], ''],
])('ends with %i for %j', async (code, argv, says) => {
  const said = await run(...argv);
  expect([said.code, said.stderr]).toEqual([code, expect.stringContaining(says)]);
});

test('one of a name is not replaced by another', async () => {
  await run('add', 'ann');
  const again = await run('add', 'ann');
  expect([again.code, again.stderr]).toEqual([2, expect.stringContaining('remove it first')]);
});
