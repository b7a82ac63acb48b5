import { expect, test } from 'vitest';
import { memoryTables } from '../../store/memory/tables.ts';
import type { Tables } from '../../store/tables.ts';
import { placeOf, stageOn, type Stage } from './fixtures/stage.ts';
import { verifyReceipt, type SignedReceipt } from './shredding-receipt.ts';

// A process that dies writes nothing more. Here the tables stop for it after its n-th write, before or after the write was
// done; then another process is told to do the same.

const now = Date.now;

class Killed extends Error {}

/** Tables that are lost after so many writes. */
function mortal(tables: Tables, writes: number, last: 'done' | 'not done'): Tables {
  let left = writes;
  const spend = async <T>(write: () => Promise<T>): Promise<T> => {
    if (left <= 0) throw new Killed();
    left -= 1;
    if (left === 0 && last === 'not done') throw new Killed();
    const result = await write();
    if (left === 0) throw new Killed();
    return result;
  };
  return {
    ...tables,
    put: (...given) => spend(() => tables.put(...given)),
    remove: (...given) => spend(() => tables.remove(...given)),
    transact: (...given) => spend(() => tables.transact(...given)),
  };
}

async function rowsLeft(tables: Tables): Promise<number> {
  let rows = 0;
  for (const table of ['tenant_keys', 'data_keys', 'connections', 'oauth_tokens', 'invitations'] as const)
    rows += (await tables.scan(table, { limit: 1000 })).items.length;
  return rows;
}

const acts: readonly (readonly [string, (stage: Stage, on?: Tables) => Promise<SignedReceipt>])[] = [
  [
    'a tenant',
    async (stage, on) => {
      const sealer = await stage.open(on);
      return stage.shredTenant(sealer, 'g1').finally(() => sealer.close());
    },
  ],
  [
    'a person',
    async (stage, on) => {
      const sealer = await stage.open(on);
      const ann = { subject: 'ann', tenants: ['g1'], places: ['g2'] };
      return stage.shredPerson(sealer, ann).finally(() => sealer.close());
    },
  ],
];

test.each(acts)(
  '%s: killed at any write it is finished by the next, and the receipt tells all of it once',
  async (_, act) => {
    const whole = stageOn(memoryTables({ now }));
    const sealer = await whole.open();
    await whole.fill(sealer);
    await sealer.close();
    const { receipt: wanted } = await act(whole);
    const left = await rowsLeft(whole.tables);
    let killed = 0;
    for (let writes = 1; ; writes += 1) {
      let survived = false;
      for (const last of ['done', 'not done'] as const) {
        const stage = stageOn(memoryTables({ now }));
        const filling = await stage.open();
        await stage.fill(filling);
        await filling.close();
        const first = await act(stage, mortal(stage.tables, writes, last)).catch((error: unknown) => {
          if (!(error instanceof Killed)) throw error;
          killed += 1;
          return undefined;
        });
        survived ||= first !== undefined;
        const signed = await act(stage);
        const { keys, removed, tenants } = signed.receipt;
        expect(verifyReceipt(JSON.stringify(signed)).genuine).toBe(true);
        expect([keys.tenantKeys, keys.dataKeys, tenants]).toEqual([
          wanted.keys.tenantKeys,
          wanted.keys.dataKeys,
          wanted.tenants,
        ]);
        expect(new Set(keys.listed.map((key) => JSON.stringify(key))).size).toBe(keys.listed.length);
        // What was removed in the write that it died in may be missing from the count, never from what is gone.
        for (const [table, rows] of Object.entries(removed))
          expect(rows).toBeLessThanOrEqual(wanted.removed[table] ?? 0);
        expect(await rowsLeft(stage.tables)).toBe(left);
      }
      if (survived) break;
    }
    expect(killed).toBeGreaterThan(30);
  },
);

test('two at once destroy everything once', async () => {
  const stage = stageOn(memoryTables({ now }));
  const [one, other] = [await stage.open(), await stage.open()];
  await stage.fill(one);
  const [first, second] = await Promise.all([stage.shredTenant(one, 'g1'), stage.shredTenant(other, 'g1')]);
  expect(second).toEqual(first);
  const names = first.receipt.keys.listed.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  await Promise.all([one.close(), other.close()]);
});

test.each(acts)(
  '%s: whoever asks for what another finished opens nothing of it any more, when no word of that came',
  async (_, act) => {
    const tables = memoryTables({ now });
    const stage = stageOn(tables);
    const [place, elsewhere] = [placeOf('g1', 'ann'), placeOf('g2', 'ann')];
    const sealer = await stage.open();
    const things = await Promise.all(
      [place, elsewhere].map(async (at) => ({
        at,
        sealed: await sealer.seal('token', at, Buffer.from('x')),
      })),
    );
    // It has a bus of its own, as one that died before it could say anything.
    await act(stageOn(tables, stage.provider));
    const signed = await act({ ...stage, open: async () => ({ ...sealer, close: async () => undefined }) });
    expect(verifyReceipt(JSON.stringify(signed)).genuine).toBe(true);
    const gone = signed.receipt.of.kind === 'tenant' ? things.slice(0, 1) : things;
    for (const { at, sealed } of gone)
      await expect(sealer.open('token', at, sealed)).rejects.toMatchObject({ code: 'key_shredded' });
    await sealer.close();
  },
);
