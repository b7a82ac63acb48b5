import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { testService } from '../testing/test-service.ts';
import { localTables } from './dynamodb/fixtures/local-tables.ts';
import { dynamoTables } from './dynamodb/tables.ts';
import type { Freeze } from './freeze.ts';
import { memoryTables } from './memory/tables.ts';
import { sqliteTables } from './sqlite/tables.ts';
import type { FillableTables, FrontOptions } from './tables-on-engine.ts';

// A freeze is known to whoever writes, in this process and in others, after a second at most.

const endpoint = await testService('dynamodb');
const freeze: Freeze = { reason: 'export', freezeId: 'mine', sinceMs: 1 };
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

/** Two openings of the same tables; memory has one. */
type Opened = readonly [FillableTables, FillableTables];

const stores: Record<string, (front: FrontOptions) => Promise<Opened>> = {
  async memory(front) {
    const tables = memoryTables(front);
    return [tables, tables];
  },
  async SQLite(front) {
    const directory = mkdtempSync(join(tmpdir(), 'freeze-'));
    closers.push(async () => rmSync(directory, { recursive: true }));
    const [one, other] = [0, 1].map(() => {
      const tables = sqliteTables({ file: join(directory, 'main.db'), ...front });
      closers.push(() => tables.close());
      return tables;
    });
    return [one, other] as unknown as Opened;
  },
  ...(endpoint !== undefined && {
    async DynamoDB(front: FrontOptions) {
      const local = await localTables(endpoint);
      const [one, other] = [0, 1].map(() => {
        const tables = dynamoTables({ ...local, ...front });
        closers.push(() => tables.close());
        return tables;
      });
      return [one, other] as unknown as Opened;
    },
  }),
};

describe.each(Object.entries(stores))('%s', (_, open) => {
  let ticksMs = 0;
  const openHere = () => open({ now: Date.now, ticks: () => ticksMs });

  it('a freeze is seen by every opening within a second, and by nobody once it has ended', async () => {
    const [one, other] = await openHere();
    await other.put('groups', { groupId: 'g' });
    expect(await one.freeze(freeze)).toBe(true);
    ticksMs += 1000;
    const refused = { code: 'store_frozen' };
    await expect(other.put('groups', { groupId: 'g', n: 1 })).rejects.toMatchObject(refused);
    await expect(other.remove('groups', { groupId: 'g' })).rejects.toMatchObject(refused);
    await expect(
      other.transact([
        { put: 'records', item: { recordKey: 'r' } },
        { put: 'groups', item: { groupId: 'g', n: 1 } },
      ]),
    ).rejects.toMatchObject(refused);
    expect(await other.get('groups', { groupId: 'g' })).toMatchObject({ item: { groupId: 'g' } });
    expect(await other.get('records', { recordKey: 'r' })).toBeUndefined();
    expect(await one.thaw('mine')).toBe(true);
    ticksMs += 1000;
    expect(await other.put('groups', { groupId: 'g', n: 1 })).toBeDefined();
  });

  it('a freeze belongs to whoever made it', async () => {
    const [one, other] = await openHere();
    expect(await one.freeze(freeze)).toBe(true);
    expect(await other.freeze({ ...freeze, freezeId: 'theirs' })).toBe(false);
    expect(await other.thaw('theirs')).toBe(false);
    expect(await one.freeze({ ...freeze, reason: 'moved', to: 'elsewhere', place: 'p' })).toBe(true);
    expect(await other.frozen()).toEqual({
      reason: 'moved',
      freezeId: 'mine',
      sinceMs: 1,
      to: 'elsewhere',
      place: 'p',
    });
    ticksMs += 1000;
    await expect(other.put('groups', { groupId: 'g' })).rejects.toThrow('moved to elsewhere');
  });

  it('while a copy is made, what it leaves behind goes on; where the data has moved from, nothing does', async () => {
    const [one, other] = await openHere();
    await one.freeze(freeze);
    ticksMs += 1000;
    expect(await other.put('records', { recordKey: 'r' })).toBeDefined();
    expect(await other.put('sessions', { sessionId: 's' })).toBeDefined();
    expect(await other.put('deployment', { name: 'lease', holder: 'h' })).toBeDefined();
    await expect(other.put('deployment', { name: 'deployment' })).rejects.toMatchObject({
      code: 'store_frozen',
    });
    await one.freeze({ ...freeze, reason: 'moved' });
    ticksMs += 1000;
    await expect(other.put('records', { recordKey: 'r' })).rejects.toMatchObject({ code: 'store_frozen' });
  });

  it('an import fills what is frozen, and what it brought has no revision', async () => {
    const [one, other] = await openHere();
    await one.freeze({ ...freeze, reason: 'import' });
    ticksMs += 1000;
    const items = Array.from({ length: 60 }, (_, n) => ({ groupId: `g${n}`, n }));
    await one.bringIn('groups', ...items);
    const found = await other.scan('groups', { limit: 100 });
    expect(found.items.toSorted((a, b) => Number(a.item['n']) - Number(b.item['n']))).toEqual(
      items.map((item) => ({ item, revision: undefined })),
    );
  });

  it('a scan of everything finds what has ended, too', async () => {
    const [one] = await openHere();
    await one.bringIn('invitations', { invitationId: 'i', ttl: 1 });
    expect((await one.scan('invitations', { limit: 10 })).items).toEqual([]);
    expect((await one.scanAll('invitations', { limit: 10 })).items).toHaveLength(1);
  });
});
