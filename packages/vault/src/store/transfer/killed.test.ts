import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, it } from 'vitest';
import { testService } from '../../testing/test-service.ts';
import { localTables, type LocalTables } from '../dynamodb/fixtures/local-tables.ts';
import { dynamoTables } from '../dynamodb/tables.ts';
import type { FillableTables } from '../tables-on-engine.ts';
import { checkFiles } from './check-files.ts';
import { exportTables } from './export-tables.ts';
import { exported, fileTables, freshDirectory, manifestOf, quiet, seed } from './fixtures/stores.ts';
import { compareTables } from './import-tables.ts';
import { readManifest, type Manifest } from './manifest.ts';

// kill -9 at any point of an export and of an import: whoever runs it again goes on, and at the end nothing is missing and
// nothing is there twice.

const endpoint = await testService('dynamodb');
const child = new URL('./fixtures/child.ts', import.meta.url).pathname;
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

function fresh(): string {
  const { path, remove } = freshDirectory();
  closers.push(remove);
  return path;
}

function opened(tables: FillableTables): FillableTables {
  closers.push(() => tables.close());
  return tables;
}

function start(order: object) {
  const started = spawn(process.execPath, ['--conditions=@sealgate/source', child, JSON.stringify(order)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  closers.push(() => started.kill('SIGKILL'));
  return { started, lines: createInterface({ input: started.stdout }), ended: once(started, 'close') };
}

/** Run it once and kill it at its line of this number. @returns whether it came to its end before */
async function runUntil(order: object, line: number): Promise<boolean> {
  const { lines, ended } = start({ ...order, ...(line === Infinity ? {} : { diesAt: line }) });
  lines.resume();
  const [code] = (await ended) as [number | null];
  return code === 0;
}

/** Kill it at ever other lines until it comes to its end. */
async function runThrough(order: object, kills: readonly number[]): Promise<void> {
  for (const line of [...kills, Infinity]) if (await runUntil(order, line)) return;
  throw new Error('it does not end by itself');
}

async function seedMany(tables: FillableTables): Promise<void> {
  await seed(tables, 40);
  for (let from = 0; from < 12_000; from += 1000)
    await tables.bringIn(
      'memberships',
      ...Array.from({ length: 1000 }, (_, n) => ({ groupId: `g${n % 7}`, userId: `m${from + n}`, from })),
    );
}

const random = (most: number): number => 1 + Math.floor(Math.random() * most);
const kills = (most: number): number[] => [2, random(most), random(most), random(most)];
const patience = 180_000;

describe('SQLite', () => {
  it(
    'an export that was killed again and again is the one that nobody killed',
    async () => {
      const home = fresh();
      const source = opened(fileTables(home));
      await seedMany(source);
      const whole = await exported(source, fresh());
      const directory = fresh();
      const at = kills(60);
      await runThrough({ act: 'export', directory, file: join(home, 'main.db') }, at);
      const manifest = await readManifest(directory);
      for (const [table, entry] of Object.entries(whole.tables))
        expect([table, manifest?.tables[table as 'users'], at]).toEqual([table, entry, at]);
      await checkFiles(directory, manifest as Manifest, quiet);
      expect(await source.frozen()).toBeUndefined();
    },
    patience,
  );

  it(
    'an import that was killed again and again holds what was exported',
    async () => {
      const source = opened(fileTables(fresh()));
      await seedMany(source);
      const directory = fresh();
      const manifest = await exported(source, directory);
      const home = fresh();
      await runThrough({ act: 'import', directory, file: join(home, 'main.db') }, kills(70));
      const target = opened(fileTables(home));
      expect(await target.frozen()).toBeUndefined();
      await compareTables({ target, directory, manifest, now: Date.now, progress: quiet }, 0);
    },
    patience,
  );

  it(
    'while an import is not finished, nothing else writes there',
    async () => {
      const source = opened(fileTables(fresh()));
      await seedMany(source);
      const directory = fresh();
      await exported(source, directory);
      const home = fresh();
      // Checking the files says some 25 lines.
      expect(await runUntil({ act: 'import', directory, file: join(home, 'main.db') }, 70)).toBe(false);
      const target = opened(fileTables(home));
      await expect(target.put('users', { userId: 'u' })).rejects.toMatchObject({ code: 'store_frozen' });
    },
    patience,
  );

  it(
    'a writer in another process loses no write it was told of, and lands none behind the copy',
    async () => {
      const home = fresh();
      const source = opened(fileTables(home));
      await seed(source, 5);
      const { lines, ended } = start({ act: 'write', directory: home, file: join(home, 'main.db') });
      const acknowledged: string[] = [];
      lines.on('line', (line) => acknowledged.push(line));
      const closed = once(lines, 'close');
      while (acknowledged.length < 20) await once(lines, 'line');
      const directory = fresh();
      const tables = await exportTables({ source, directory, now: Date.now, progress: quiet });
      await Promise.all([ended, closed]);
      expect(acknowledged.pop()).toBe('stopped store_frozen');
      expect(tables.tables.users?.rows).toBe(5 + acknowledged.length);
      await compareTables(
        { target: source, directory, manifest: manifestOf(tables), now: Date.now, progress: quiet },
        0,
      );
    },
    patience,
  );
});

describe.skipIf(endpoint === undefined)('DynamoDB', () => {
  const orderOf = ({ region, endpoint: at, credentials, tablePrefix }: LocalTables) => ({
    region,
    endpoint: at,
    credentials,
    tablePrefix,
  });

  it(
    'SQLite to DynamoDB and back to SQLite, each step killed on its way, gives the same digests',
    async () => {
      const source = opened(fileTables(fresh()));
      await seed(source, 150);
      const out = fresh();
      const manifest = await exported(source, out);
      const local = await localTables(endpoint ?? '');
      const dynamo = orderOf(local);
      await runThrough({ act: 'import', directory: out, dynamo }, kills(60));
      const back = fresh();
      await runThrough({ act: 'export', directory: back, dynamo }, kills(40));
      const returned = await readManifest(back);
      for (const [table, { rows, digest }] of Object.entries(manifest.tables))
        expect([table, returned?.tables[table as 'users']]).toMatchObject([table, { rows, digest }]);
      const home = fresh();
      await runThrough({ act: 'import', directory: back, file: join(home, 'main.db') }, kills(60));
      const target = opened(fileTables(home));
      await compareTables({ target, directory: out, manifest, now: Date.now, progress: quiet }, 0);
      const remote = opened(dynamoTables({ ...local, now: Date.now }));
      await compareTables({ target: remote, directory: out, manifest, now: Date.now, progress: quiet }, 0);
    },
    patience,
  );
});
