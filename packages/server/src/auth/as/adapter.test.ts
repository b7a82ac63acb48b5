import { setTimeout as sleep } from 'node:timers/promises';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  memoryTables,
  sealedRecords,
  sealedTables,
  sqliteTables,
  systemTenant,
  tableRecords,
  type Tables,
} from '@sealgate/vault';
import { oneKeySealer } from '@sealgate/vault/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { openAdapter, ownedBy, removeEverything } from './adapter.ts';
import { recordsShelf, tablesShelf } from './shelf.ts';

const atEnd: (() => unknown)[] = [];
afterEach(async () => {
  while (atEnd.length > 0) await atEnd.pop()?.();
});

const stores: Record<string, () => Tables> = {
  memory: () => memoryTables({ now: Date.now }),
  SQLite: () => {
    const folder = mkdtempSync(join(tmpdir(), 'sealgate-adapter-'));
    const tables = sqliteTables({ file: join(folder, 'main.db'), now: Date.now });
    atEnd.push(
      () => rmSync(folder, { recursive: true }),
      () => tables.close(),
    );
    return tables;
  },
};

// A store that takes its time, so that whoever reads first does not also write first.
function slow(tables: Tables): Tables {
  const late =
    <A extends unknown[], R>(act: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      await sleep(5 + Math.random() * 10);
      return act(...args);
    };
  return { ...tables, get: late(tables.get) as Tables['get'], transact: late(tables.transact) };
}

function open(tables: Tables) {
  const sealer = oneKeySealer();
  const now = Date.now;
  const lasting = tablesShelf(sealedTables(tables, sealer), sealer, now);
  const passing = recordsShelf(
    sealedRecords(tableRecords(tables, { now }), sealer, {
      kind: 'token',
      table: 'oauth_records',
      tenant: systemTenant,
    }),
    now,
  );
  const reuse = { keptSeconds: 600, spares: () => false, outcome: async () => 'answered' as const };
  const parts = { lasting, passing, now, reuse, revoked: async () => undefined };
  return { parts, adapter: openAdapter(parts), tables };
}

const exp = Math.floor(Date.now() / 1000) + 3600;
const of = (jti: string) => ({ jti, exp, clientId: 'c1', accountId: 'a1', grantId: 'g1' });
const models = ['AuthorizationCode', 'AccessToken', 'RefreshToken'] as const;

describe.each(Object.keys(stores))('the adapter over %s', (store) => {
  it.each([...models, 'Client', 'Grant', 'Interaction', 'InitialAccessToken', 'RegistrationAccessToken'])(
    'gives back a %s as it was put, and nothing once it is destroyed',
    async (model) => {
      const { adapter } = open(stores[store]!());
      const one = adapter(model) as ReturnType<typeof adapter> & object;
      await one.upsert('x', of('x'), 3600);
      expect(await one.find('x')).toEqual(of('x'));
      expect(await one.find('y')).toBeUndefined();
      await one.destroy('x');
      expect(await one.find('x')).toBeUndefined();
    },
  );

  it('does not mix models up', async () => {
    const { adapter } = open(stores[store]!());
    await adapter('AccessToken').upsert('x', of('x'), 3600);
    await adapter('RefreshToken').upsert('x', { ...of('x'), scope: 'other' }, 3600);
    expect(await adapter('AccessToken').find('x')).toEqual(of('x'));
    expect(await adapter('AuthorizationCode').find('x')).toBeUndefined();
  });

  it.each(models)('of 20 racers one consumes a %s, the others get invalid_grant', async (model) => {
    const { adapter } = open(slow(stores[store]!()));
    await adapter(model).upsert('x', of('x'), 3600);
    const races = await Promise.allSettled(Array.from({ length: 20 }, () => adapter(model).consume('x')));
    const lost = races.flatMap((race) => (race.status === 'rejected' ? [race.reason as Error] : []));
    expect(lost).toHaveLength(19);
    for (const error of lost) expect(error).toMatchObject({ error: 'invalid_grant' });
    if (model === 'AuthorizationCode') return;
    expect(await adapter(model).find('x')).toMatchObject({ consumed: expect.any(Number) });
  });

  it('a code that two bring at once ends what it was good for, also what the first is given after that', async () => {
    const { adapter } = open(slow(stores[store]!()));
    await adapter('Grant').upsert('g1', { jti: 'g1', clientId: 'c1', accountId: 'a1' }, 3600);
    await adapter('AuthorizationCode').upsert('x', of('x'), 3600);
    await Promise.allSettled([1, 2].map(() => adapter('AuthorizationCode').consume('x')));
    for (const [model, id] of [
      ['AuthorizationCode', 'x'],
      ['Grant', 'g1'],
    ] as const)
      expect(await adapter(model).find(id)).toBeUndefined();
  });

  it('takes a replay mark once, however many bring it', async () => {
    const { adapter } = open(slow(stores[store]!()));
    const marks = Array.from({ length: 20 }, () => adapter('ReplayDetection').upsert('m', { jti: 'm' }, 60));
    const races = await Promise.allSettled(marks);
    expect(races.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  it('ends what has ended', async () => {
    const { adapter } = open(stores[store]!());
    await adapter('RefreshToken').upsert('x', of('x'), 0);
    await adapter('AccessToken').upsert('x', of('x'), 0);
    expect(await adapter('RefreshToken').find('x')).toBeUndefined();
    expect(await adapter('AccessToken').find('x')).toBeUndefined();
  });

  it('removes a grant model by model, and leaves other grants alone', async () => {
    const { adapter } = open(stores[store]!());
    for (const model of models) {
      for (let count = 0; count < 3; count += 1)
        await adapter(model).upsert(`x${count}`, of(`x${count}`), 3600);
      await adapter(model).upsert('other', { ...of('other'), grantId: 'g2' }, 3600);
      await adapter(model).revokeByGrantId('g1');
      expect(await adapter(model).find('x1')).toBeUndefined();
      expect(await adapter(model).find('other')).toBeDefined();
    }
  });

  it('leaves nothing of a deleted client, of an account, of a grant', async () => {
    const { adapter, parts } = open(stores[store]!());
    const fill = async () => {
      await adapter('Client').upsert('c1', { client_id: 'c1' });
      await adapter('Grant').upsert('g1', of('g1'), 3600);
      for (const model of [...models, 'RegistrationAccessToken'])
        await adapter(model).upsert('x', of('x'), 3600);
    };
    const left = async () =>
      (
        await Promise.all([...models, 'RegistrationAccessToken'].map((model) => adapter(model).find('x')))
      ).filter((found) => found !== undefined).length;
    await fill();
    expect(await parts.lasting.owns(ownedBy.grantsOf('c1'))).toBe(true);
    await adapter('Client').destroy('c1');
    expect([await left(), await adapter('Grant').find('g1')]).toEqual([0, undefined]);
    expect(await parts.lasting.owns(ownedBy.grantsOf('c1'))).toBe(false);
    await fill();
    await removeEverything(parts, ownedBy.account('a1'));
    expect(await left()).toBe(0);
    await fill();
    await adapter('Grant').destroy('g1');
    expect(await left()).toBe(0);
  });

  it('keeps no id, client, account or secret readable in the store', async () => {
    const { adapter, tables } = open(stores[store]!());
    const marks = ['needle-id', 'needle-client', 'needle-account', 'needle-grant', 'needle-secret'];
    const payload = {
      jti: 'needle-id',
      exp,
      clientId: 'needle-client',
      accountId: 'needle-account',
      grantId: 'needle-grant',
      client_secret: 'needle-secret',
    };
    for (const model of [...models, 'Client', 'Interaction'])
      await adapter(model).upsert('needle-id', payload, 3600);
    let text = '';
    for (const table of ['oauth_server', 'records', 'record_owners'] as const)
      text += JSON.stringify((await tables.scan(table, { limit: 1000 })).items);
    expect(text.length).toBeGreaterThan(1000);
    for (const mark of marks) expect(text).not.toContain(mark);
  });
});
