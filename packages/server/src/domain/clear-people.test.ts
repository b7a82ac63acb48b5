import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sealedTables, sqliteTables, type SqliteTables } from '@sealgate/vault';
import { oneKeySealer } from '@sealgate/vault/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sealClearPeople } from './clear-people.ts';
import { openPeople, type PeopleParts } from './people.ts';

// Rows as they were written when people lay in clear.
const users = [
  {
    userId: '5f0c2f4e-6c1e-4a3b-9d27-0b7a2f1c9e10',
    groupId: 'b1a8e9d2-77c4-4f6e-8a51-3f9d0c2b6e47',
    name: 'Local administrator',
    createdAtMs: 1_763_700_000_000,
  },
  {
    userId: '9a2d7c51-0e3f-4b8a-a6d4-1c5e8f7b2d30',
    groupId: 'c7e4f1a0-2b9d-4c83-95e6-8d0a3b6f1c52',
    name: 'ada@frozen.example',
    email: 'ada@frozen.example',
    createdAtMs: 1_763_700_060_000,
  },
] as const;
const [local, ada] = users;
const uniques = [
  { uniqueKey: 'local-administrator', userId: local.userId, groupId: local.groupId },
  { uniqueKey: 'email/ada@frozen.example', userId: ada.userId, groupId: ada.groupId },
] as const;
const link = { linkHash: 'Yb1pXH2rJq0', ttl: 4_000_000_000, endsAtMs: 4_000_000_000_000 };

const now = Date.now;
const sealer = oneKeySealer();
let folder: string;
let tables: SqliteTables;
let parts: PeopleParts;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'clear-people-'));
  tables = sqliteTables({ file: join(folder, 'main.db'), now });
  parts = { tables: sealedTables(tables, sealer), sealer, now };
  for (const user of users) await tables.put('users', user);
  for (const unique of uniques) await tables.put('uniques', unique);
  await tables.put('magic_links', { ...link, email: 'eve@frozen.example' });
  tables.truncateLog();
});
afterEach(async () => {
  await tables.close();
  rmSync(folder, { recursive: true });
});

test('people of an earlier version are who they were', async () => {
  expect(await sealClearPeople(parts)).toBe(2);
  const people = openPeople(parts);
  const known = { subject: ada.userId, tenant: ada.groupId, name: ada.name, email: ada.email };
  expect(await people.findByEmail('ada@frozen.example')).toEqual(known);
  expect(await people.ensureByEmail('ada@frozen.example')).toEqual(known);
  expect(await people.find(local.userId)).toEqual({
    subject: local.userId,
    tenant: local.groupId,
    name: 'Local administrator',
    email: undefined,
  });
  const stored = await tables.get('users', { userId: ada.userId });
  expect(stored?.item['createdAtMs']).toBe(ada.createdAtMs);
});

test('nothing of them is in clear afterwards, not in what was deleted either', async () => {
  expect(readFileSync(join(folder, 'main.db')).includes('ada@frozen.example')).toBe(true);
  await sealClearPeople(parts);
  tables.truncateLog();
  const file = readFileSync(join(folder, 'main.db'));
  for (const clear of ['ada@frozen.example', 'eve@frozen.example', 'Local administrator'])
    expect([clear, file.includes(clear)]).toEqual([clear, false]);
  expect((await tables.scan('magic_links', { limit: 10 })).items).toEqual([]);
});

test('however many do it at once and again, each person is moved once', async () => {
  const counts = await Promise.all(Array.from({ length: 5 }, () => sealClearPeople(parts)));
  expect(counts.reduce((sum, count) => sum + count)).toBe(2);
  const before = await tables.scan('users', { limit: 10 });
  expect(await sealClearPeople(parts)).toBe(0);
  expect(await tables.scan('users', { limit: 10 })).toEqual(before);
});

test('what was begun before and cut off is finished', async () => {
  await sealClearPeople(parts);
  await tables.remove('uniques', { uniqueKey: 'people-sealed' });
  const late = {
    ...ada,
    userId: 'late',
    groupId: 'g',
    name: 'late@frozen.example',
    email: 'late@frozen.example',
  };
  await tables.put('users', late);
  await tables.put('uniques', { uniqueKey: 'email/late@frozen.example', userId: 'late', groupId: 'g' });
  expect(await sealClearPeople(parts)).toBe(1);
  expect(await openPeople(parts).findByEmail('late@frozen.example')).toMatchObject({ subject: 'late' });
});
