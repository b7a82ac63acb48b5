import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testService } from '../../testing/test-service.ts';
import { localTables } from '../dynamodb/fixtures/local-tables.ts';
import { dynamoTables } from '../dynamodb/tables.ts';
import { memoryTables } from '../memory/tables.ts';
import type { FillableTables } from '../tables-on-engine.ts';
import { checkFiles } from './check-files.ts';
import { exportTables } from './export-tables.ts';
import { exported, fileTables, freshDirectory, quiet, seed } from './fixtures/stores.ts';
import { importTables } from './import-tables.ts';
import type { Manifest } from './manifest.ts';

const endpoint = await testService('dynamodb');

let directories: ReturnType<typeof freshDirectory>[];
let opened: FillableTables[];
beforeEach(() => {
  directories = [];
  opened = [];
});
afterEach(async () => {
  for (const tables of opened) await tables.close();
  for (const { remove } of directories) remove();
});

function fresh(): string {
  const directory = freshDirectory();
  directories.push(directory);
  return directory.path;
}

function open(tables: FillableTables): FillableTables {
  opened.push(tables);
  return tables;
}

async function imported(
  directory: string,
  manifest: Manifest,
  target: FillableTables,
): Promise<FillableTables> {
  const parts = { target, directory, manifest, now: Date.now, progress: quiet };
  await checkFiles(directory, manifest, quiet);
  await importTables(parts);
  expect(await target.thaw(manifest.mac)).toBe(true);
  return target;
}

const digests = ({ tables }: Manifest) =>
  Object.fromEntries(Object.entries(tables).map(([name, { rows, digest }]) => [name, { rows, digest }]));

describe.skipIf(endpoint === undefined)('SQLite to DynamoDB and back', () => {
  it('every digest stays the same, and so does every item', async () => {
    const first = open(fileTables(fresh()));
    await seed(first, 120);
    const out = fresh();
    const manifest = await exported(first, out);
    const local = await localTables(endpoint ?? '');
    const remote = await imported(out, manifest, open(dynamoTables({ ...local, now: Date.now })));
    const back = fresh();
    const second = await exported(remote, back);
    expect(digests(second)).toEqual(digests(manifest));
    const last = await imported(back, second, open(fileTables(fresh())));
    for (const table of ['users', 'messages', 'memberships'] as const) {
      const all = async (tables: FillableTables) => {
        const { items } = await tables.scan(table, { limit: 1000 });
        return items.map(({ item }) => item);
      };
      expect(await all(last)).toEqual(await all(first));
    }
    expect(await last.get('users', { userId: 'u7' })).toMatchObject({ revision: undefined });
    expect(await last.put('users', { userId: 'u7' }, { ifRevision: undefined })).toBeDefined();
  });
});

it('what has ended and what ends by itself is left, and counted', async () => {
  const source = open(fileTables(fresh()));
  await seed(source, 10);
  await source.bringIn('invitations', { invitationId: 'old', ttl: 1 });
  const out = fresh();
  const manifest = await exported(source, out);
  expect(manifest.tables.invitations).toMatchObject({ rows: 5, ended: 6 });
  expect(manifest.leftBehind).toMatchObject({ records: 10, sessions: 0 });
  expect(readdirSync(out)).not.toContain('records.ndjson');
  expect(statSync(join(out, 'users.ndjson')).mode & 0o777).toBe(0o600);
});

it('rows that end between the export and the import stay out, and the rest is whole', async () => {
  const source = open(fileTables(fresh()));
  await seed(source, 10);
  const out = fresh();
  const manifest = await exported(source, out);
  const later = Date.now() + 2 * 86_400_000;
  const target = open(memoryTables({ now: Date.now }));
  const report = await importTables({ target, directory: out, manifest, now: () => later, progress: quiet });
  expect(report.ended).toBe(15);
  expect((await target.scanAll('invitations', { limit: 100 })).items).toEqual([]);
});

it('tables that hold anything are not filled, were it a session', async () => {
  const source = open(fileTables(fresh()));
  await seed(source, 3);
  const out = fresh();
  const manifest = await exported(source, out);
  const target = open(memoryTables({ now: Date.now }));
  await target.put('sessions', { sessionId: 's' });
  const parts = { target, directory: out, manifest, now: Date.now, progress: quiet };
  await expect(importTables(parts)).rejects.toMatchObject({ code: 'store_filled' });
  expect(await target.frozen()).toBeUndefined();
});

it('tables that another import fills are left alone, and so are those that data moved from', async () => {
  const source = open(fileTables(fresh()));
  await seed(source, 3);
  const out = fresh();
  const manifest = await exported(source, out);
  for (const reason of ['import', 'moved'] as const) {
    const target = open(memoryTables({ now: Date.now }));
    await target.freeze({ reason, freezeId: 'another', sinceMs: 1 });
    const parts = { target, directory: out, manifest, now: Date.now, progress: quiet };
    await expect(importTables(parts)).rejects.toMatchObject({ code: 'store_filled' });
    expect((await target.scanAll('users', { limit: 10 })).items).toEqual([]);
  }
});

it('a row that somebody slips in while it is filled is found', async () => {
  const source = open(fileTables(fresh()));
  await seed(source, 3);
  const out = fresh();
  const manifest = await exported(source, out);
  const target = open(memoryTables({ now: Date.now }));
  const slip = async (): Promise<void> => target.bringIn('users', { userId: 'intruder' });
  const parts = { target, directory: out, manifest, now: Date.now };
  const stages: string[] = [];
  const progress = ({ stage }: { readonly stage: string }): void => {
    if (stages.at(-1) !== stage) stages.push(stage);
    if (stage === 'import' && stages.length === 1) void slip();
  };
  await expect(importTables({ ...parts, progress })).rejects.toThrow('not what was written');
  expect(await target.frozen()).toMatchObject({ reason: 'import' });
});

it('two exports of one source do not meet', async () => {
  const source = open(fileTables(fresh()));
  await seed(source, 3);
  const parts = { source, now: Date.now, progress: quiet, alone: true };
  await exportTables({ ...parts, directory: fresh() });
  await expect(exportTables({ ...parts, directory: fresh() })).rejects.toMatchObject({
    code: 'store_frozen',
  });
});

it('an export that was interrupted begins anew when its freeze was ended meanwhile', async () => {
  const source = open(fileTables(fresh()));
  await seed(source, 3);
  const directory = fresh();
  const parts = { source, directory, now: Date.now, progress: quiet, alone: true };
  const first = await exportTables(parts);
  await source.thaw(first.freezeId);
  await source.bringIn('users', { userId: 'new' });
  const second = await exportTables(parts);
  expect(second.freezeId).not.toBe(first.freezeId);
  expect(second.tables.users?.rows).toBe(4);
});
