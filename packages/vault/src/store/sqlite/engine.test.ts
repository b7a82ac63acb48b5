import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { tablesOnEngine } from '../tables-on-engine.ts';
import type { Step } from '../tables.ts';
import { sqliteEngine } from './engine.ts';
import { migrate } from './migrations.ts';
import { openDatabase } from './open-database.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'engine-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const normal: Step = { put: 'roles', item: { roleId: 'r' } };
const full: Step = { put: 'users', item: { userId: 'u' } };
const remove: Step = { remove: 'users', key: { userId: 'u' } };
const check: Step = { check: 'users', key: { userId: 'u' }, guard: { ifAbsent: true } };

// 1 is NORMAL, 2 is FULL (sqlite.org/pragma.html#pragma_synchronous).
it.each([
  ['with a write-ahead log, tables of durability full alone wait for the disk', false, [1, 2, 1, 2, 1, 2, 1]],
  ['with a rollback journal every write waits, or the file itself could break', true, [2, 2, 2, 2, 2, 2, 2]],
])('%s', async (_, networkMount, wanted) => {
  const database = openDatabase({ file: join(directory, 'main.db'), networkMount });
  migrate(database.db);
  const tables = tablesOnEngine(sqliteEngine(database), { now: Date.now });
  const found: unknown[] = [];
  for (const steps of [[normal], [full], [normal], [normal, full], [normal], [remove], [normal, check]]) {
    await tables.transact(steps);
    found.push(database.db.prepare('PRAGMA synchronous').get()?.['synchronous']);
  }
  expect(found).toEqual(wanted);
  await tables.close();
});
