import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { networkType, onNetworkMount } from './network-mount.ts';
import { openDatabase } from './open-database.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'open-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

it.each([
  [false, 'wal', 'wal', 'normal'],
  [true, 'exclusive', 'truncate', 'exclusive'],
])('networkMount %s opens in mode %s with its pragmas', (networkMount, journal, journalMode, lockingMode) => {
  const opened = openDatabase({ file: join(directory, 'x.db'), networkMount });
  const pragma = (name: string) => Object.values(opened.db.prepare(`PRAGMA ${name}`).get() ?? {})[0];
  expect(opened.journal).toBe(journal);
  expect(pragma('journal_mode')).toBe(journalMode);
  expect(pragma('locking_mode')).toBe(lockingMode);
  expect([
    pragma('secure_delete'),
    pragma('trusted_schema'),
    pragma('synchronous'),
    pragma('temp_store'),
  ]).toEqual([1, 0, 2, 2]);
  opened.db.close();
});

it('a file left open to others is closed to them', () => {
  const file = join(directory, 'x.db');
  openDatabase({ file }).db.close();
  chmodSync(file, 0o644);
  openDatabase({ file }).db.close();
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

it.each([
  [0x6969, 'NFS'],
  [0xff534d42, 'CIFS'],
  [0xff534d42 | 0, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x65735546, 'FUSE'],
  [0x01021997, '9p'],
  [0xef53, undefined],
  [0x9123683e, undefined],
  [0x794c7630, undefined],
])('statfs type %i is %s', (type, name) => {
  expect(networkType(type)).toBe(name);
});

it('without a word from the operator the file system decides', () => {
  const { db, journal } = openDatabase({ file: join(directory, 'x.db') });
  expect(journal).toBe(onNetworkMount(directory) ? 'exclusive' : 'wal');
  db.close();
});
