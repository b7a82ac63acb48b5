import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Step } from '../tables.ts';
import { sqliteTables, type SqliteTables } from './tables.ts';

let directory: string;
let file: string;
let tables: SqliteTables;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'scrub-'));
  file = join(directory, 'main.db');
});
afterEach(async () => {
  await tables.close();
  rmSync(directory, { recursive: true });
});

const secret = (): string => randomBytes(90).toString('base64url');
const onDisk = (secrets: readonly string[]): string[] => {
  const files = readdirSync(directory).map((name) => readFileSync(join(directory, name)));
  return secrets.filter((each) => files.some((bytes) => bytes.includes(each)));
};

/** A table that grew and shrank, as tables do: rows of one tenant among those of others, some of them longer than a page. */
async function used(rows: number, networkMount: boolean): Promise<string[]> {
  tables = sqliteTables({ file, now: Date.now, networkMount });
  const secrets: string[] = [];
  let steps = new Map<string, Step>();
  const step = async (n: number, one: Step): Promise<void> => {
    steps.set(`k${n}`, one);
    if (steps.size < 90) return;
    await tables.transact([...steps.values()]);
    steps = new Map();
  };
  const put = (n: number, wrapped: string, padding: number): Promise<void> =>
    step(n, { put: 'data_keys', item: { ...keyOf(n), wrapped, pad: 'x'.repeat(padding) } });
  for (let n = 0; n < rows; n += 1) {
    const wrapped = secret();
    if (n % 20 === 7) secrets.push(wrapped);
    await put(n, wrapped, n % 97 === 0 ? 6000 : (n * 37) % 400);
    const other = (n * 7) % (n + 1);
    if (other % 20 === 7) continue;
    if (n % 3 === 0) await put(other, secret(), (n * 53) % 900);
    if (n % 5 === 0) await step(other, { remove: 'data_keys', key: keyOf(other) });
  }
  await tables.transact([...steps.values()]);
  return secrets;
}

/** Every twentieth row is of the tenant that goes. */
const keyOf = (n: number) => ({ tenant: `t${n % 20}`, dataKey: `k${n}` });

async function removeTenant(rows: number): Promise<void> {
  for (let n = 7; n < rows; n += 20) await tables.remove('data_keys', keyOf(n));
}

const everything = (): unknown[] => {
  const db = new DatabaseSync(file, { readOnly: true });
  const rows = db.prepare('SELECT k_pk, k_sk, rev, doc FROM data_keys ORDER BY k_pk, k_sk').all();
  db.close();
  return rows;
};

it.each([
  ['with a write-ahead log', false],
  ['with a rollback journal', true],
])('%s what was deleted is in no file afterwards, and what stays is as it was', async (_, networkMount) => {
  const secrets = await used(2000, networkMount);
  // Before: each of them lies in the file, or the search would prove nothing.
  if (!networkMount) tables.truncateLog();
  expect(onDisk(secrets)).toHaveLength(secrets.length);
  await removeTenant(2000);
  const readable = !networkMount;
  const before = readable ? everything() : [];
  const moved = await tables.scrub(['data_keys', 'tenant_keys']);
  expect(onDisk(secrets)).toEqual([]);
  expect(readable ? everything() : []).toEqual(before);
  expect(moved).toBeGreaterThan(1000);
  expect(tables.quickCheck()).toBe('ok');
});

it('others read and write meanwhile, and nothing of theirs is lost', async () => {
  const secrets = await used(1200, false);
  await removeTenant(1200);
  let over = false;
  const scrubbed = tables.scrub(['data_keys']).finally(() => (over = true));
  const written: string[] = [];
  for (let n = 0; !over; n += 1) {
    const dataKey = `new${n}`;
    await tables.put('data_keys', { tenant: 't1', dataKey, n }, { ifAbsent: true });
    written.push(dataKey);
    await new Promise(setImmediate);
  }
  await scrubbed;
  expect(written.length).toBeGreaterThan(1);
  for (const dataKey of written)
    expect(await tables.get('data_keys', { tenant: 't1', dataKey })).toBeDefined();
  tables.truncateLog();
  expect(onDisk(secrets)).toEqual([]);
});

it('an empty table, and one of a single row, are no matter', async () => {
  tables = sqliteTables({ file, now: Date.now, networkMount: false });
  expect(await tables.scrub(['data_keys'])).toBe(0);
  await tables.put('data_keys', { tenant: 't', dataKey: 'k' });
  expect(await tables.scrub(['data_keys'])).toBe(1);
  expect(await tables.get('data_keys', { tenant: 't', dataKey: 'k' })).toBeDefined();
});
