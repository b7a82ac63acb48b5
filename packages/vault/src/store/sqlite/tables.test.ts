import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { tablesOnEngine } from '../tables-on-engine.ts';
import { sqliteEngine } from './engine.ts';
import { migrate } from './migrations.ts';
import { openDatabase } from './open-database.ts';
import { sqliteTables, type SqliteTables } from './tables.ts';

let directory: string;
let file: string;
const opened: SqliteTables[] = [];

function open(networkMount = false): SqliteTables {
  const tables = sqliteTables({ file, now: Date.now, networkMount });
  opened.push(tables);
  return tables;
}

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sqlite-'));
  file = join(directory, 'data', 'main.db');
});
afterEach(async () => {
  for (const tables of opened.splice(0)) await tables.close();
  rmSync(directory, { recursive: true });
});

/** Whether any file of the directory holds the text. */
function onDisk(text: string): boolean {
  const data = join(directory, 'data');
  return readdirSync(data).some((name) => readFileSync(join(data, name)).includes(text));
}

describe.each([
  ['write-ahead log', false],
  ['one process alone', true],
])('a file with %s', (_, networkMount) => {
  it('holds nothing of a value that was removed or replaced', async () => {
    const tables = open(networkMount);
    const small = 'SECRET-THAT-IS-SHREDDED';
    for (let n = 0; n < 50; n += 1) {
      await tables.put('tenant_keys', { tenant: `t${n}`, version: '1', wrapped: `${small}-${n}` });
      await tables.put('tenant_keys', {
        tenant: `t${n}`,
        version: '2',
        wrapped: `${small}-${n}`.repeat(2000),
      });
      await tables.put('users', { userId: `u${n}`, email: `${small}-${n}@b` });
    }
    tables.truncateLog();
    expect(onDisk(small)).toBe(true);
    for (let n = 0; n < 50; n += 1) {
      await tables.remove('tenant_keys', { tenant: `t${n}`, version: '1' });
      await tables.put('tenant_keys', { tenant: `t${n}`, version: '2', wrapped: '' });
      await tables.remove('users', { userId: `u${n}` });
    }
    tables.truncateLog();
    expect(onDisk(small)).toBe(false);
  });

  it('is read again after closing, by either mode', async () => {
    await open(networkMount).put('users', { userId: 'u', email: 'a@b' });
    await opened[0]?.close();
    const other = open(!networkMount);
    expect(
      (await other.query('users', { index: 'email-index', partition: 'a@b', limit: 1 })).items,
    ).toHaveLength(1);
  });

  it('is for its owner alone, with everything beside it', async () => {
    const umask = process.umask(0);
    try {
      await open(networkMount).put('users', { userId: 'u' });
    } finally {
      process.umask(umask);
    }
    expect(statSync(join(directory, 'data')).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(join(directory, 'data')))
      expect([name, statSync(join(directory, 'data', name)).mode & 0o777]).toEqual([name, 0o600]);
  });
});

it('expired rows leave the file as others are written', async () => {
  let nowMs = 1_000_000_000_000;
  const tables = sqliteTables({ file, now: () => nowMs, networkMount: false });
  opened.push(tables);
  for (let n = 0; n < 200; n += 1)
    await tables.put('sessions', { sessionId: `s${n}`, ttl: nowMs / 1000 + 10, text: 'EXPIRED-SESSION' });
  nowMs += 60_000;
  for (let n = 0; n < 200; n += 1)
    await tables.put('sessions', { sessionId: `later${n}`, ttl: nowMs / 1000 + 10 });
  tables.truncateLog();
  expect(onDisk('EXPIRED-SESSION')).toBe(false);
});

describe('what SQLite cannot do is refused as store_unavailable', () => {
  const unavailable = (message: RegExp) =>
    expect.objectContaining({ code: 'store_unavailable', message: expect.stringMatching(message) });

  it('a file that is no database', () => {
    open();
    writeFileSync(join(directory, 'data', 'other.db'), 'x'.repeat(10_000));
    expect(() => sqliteTables({ file: join(directory, 'data', 'other.db'), now: Date.now })).toThrow(
      unavailable(/not a database/),
    );
  });

  it('a directory that cannot be made', () => {
    writeFileSync(join(directory, 'plain'), '');
    expect(() => sqliteTables({ file: join(directory, 'plain', 'main.db'), now: Date.now })).toThrow(
      unavailable(/cannot be made/),
    );
  });

  it('a page that is damaged', async () => {
    await open().put('users', { userId: 'u', text: 'x'.repeat(50_000) });
    await opened[0]?.close();
    const bytes = readFileSync(file);
    bytes.fill(0xff, 4096);
    writeFileSync(file, bytes);
    const damaged = async () => open().get('users', { userId: 'u' });
    await expect(damaged).rejects.toEqual(unavailable(/damaged/));
  });

  it('a disk that is full, and what was there stays', async () => {
    const database = openDatabase({ file, networkMount: false });
    migrate(database.db);
    const tables = tablesOnEngine(sqliteEngine(database), { now: Date.now });
    await tables.put('users', { userId: 'u', text: 'kept' });
    const pages = Number(database.db.prepare('PRAGMA page_count').get()?.['page_count']);
    database.db.exec(`PRAGMA max_page_count=${pages + 2}`);
    const text = 'x'.repeat(100_000);
    await expect(tables.put('users', { userId: 'u', text })).rejects.toEqual(unavailable(/full/));
    const both = [
      { put: 'groups', item: { groupId: 'g' } },
      { put: 'users', item: { userId: 'v', text } },
    ] as const;
    await expect(tables.transact(both)).rejects.toEqual(unavailable(/full/));
    expect(await tables.get('groups', { groupId: 'g' })).toBeUndefined();
    expect((await tables.get('users', { userId: 'u' }))?.item['text']).toBe('kept');
    database.db.exec('PRAGMA query_only=ON');
    await expect(tables.put('users', { userId: 'w' })).rejects.toEqual(unavailable(/cannot be written/));
    await tables.close();
  });

  it('a writer that another process keeps waiting', async () => {
    const tables = open();
    const other = new DatabaseSync(file);
    other.exec('BEGIN IMMEDIATE');
    await expect(tables.put('users', { userId: 'u' })).rejects.toEqual(unavailable(/locked/));
    await expect(tables.transact([{ put: 'users', item: { userId: 'u' } }])).rejects.toEqual(
      unavailable(/locked/),
    );
    expect(await tables.get('users', { userId: 'u' })).toBeUndefined();
    other.exec('ROLLBACK');
    other.close();
    expect(await tables.put('users', { userId: 'u' })).toBeDefined();
  });

  it('a second process where one alone may', async () => {
    await open(true).put('users', { userId: 'u' });
    expect(() => open(true)).toThrow(unavailable(/locked/));
  });

  it('a store that is closed, and closing twice is no fault', async () => {
    const tables = open();
    await tables.put('users', { userId: 'u' });
    await tables.close();
    await tables.close();
    await expect(tables.get('users', { userId: 'u' })).rejects.toEqual(unavailable(/closed/));
    await expect(tables.put('users', { userId: 'u' })).rejects.toEqual(unavailable(/closed/));
    await expect(tables.query('users', { partition: 'u', limit: 1 })).rejects.toEqual(unavailable(/closed/));
  });
});
