import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { dataKey } from '../seal/open-key.ts';
import { hold, keyCache, once, type HeldKey } from './key-cache.ts';
import { secondChance } from './second-chance.ts';

const context = {
  deployment: 'd',
  tenant: 't',
  subject: '',
  kind: 'k',
  table: 't',
  record: 'r',
  field: 'f',
  epoch: '0',
};
const held = (): HeldKey => ({
  key: dataKey(randomBytes(32), 1),
  version: '000001',
  createdAtMs: 0,
  live: true,
});
const works = ({ key }: HeldKey): boolean => {
  try {
    return key.seal('token', context, Buffer.from('x')).length > 0;
  } catch {
    return false;
  }
};

describe('a bounded map', () => {
  test('lets go of what was not used, and tells so once for each', () => {
    const dropped: string[] = [];
    const map = secondChance<number>(3, (_, key) => dropped.push(key));
    for (const [index, key] of ['a', 'b', 'c'].entries()) map.set(key, index);
    map.get('a');
    map.set('d', 3);
    expect([dropped, map.get('a'), map.get('b')]).toEqual([['b'], 0, undefined]);
    map.set('a', 9);
    map.delete('a');
    map.delete('a');
    map.clear();
    expect(dropped).toEqual(['b', 'a', 'a', 'c', 'd']);
    expect(map.size).toBe(0);
  });

  test('holds its bound when everything in it is in use', () => {
    const map = secondChance<number>(3, () => undefined);
    for (let n = 0; n < 100; n += 1) {
      map.set(`${n}`, n);
      for (const [key] of map.entries()) map.get(key);
      expect(map.size).toBeLessThanOrEqual(3);
      expect(map.get(`${n}`)).toBe(n);
    }
  });
});

describe('the keys of a tenant', () => {
  test('end together, 270 to 330 seconds after the first was asked for, whatever is used in between', () => {
    for (const [drawn, endsAtMs] of [
      [0, 270_000],
      [255, 330_000],
    ] as const) {
      let nowMs = 0;
      const cache = keyCache({ now: () => nowMs, random: () => Buffer.from([drawn]) });
      const key = held();
      hold(cache.begin('t'), cache.begin('t').tenantKeys, '1', key);
      for (nowMs = 0; nowMs < endsAtMs; nowMs += 1000) expect(cache.find('t')?.tenantKeys.get('1')).toBe(key);
      expect(works(key)).toBe(true);
      expect(cache.find('t')).toBeUndefined();
      expect([key.live, works(key)]).toEqual([false, false]);
    }
  });

  test('are wiped when the time is over even if nobody asks for them again', () => {
    let nowMs = 0;
    const cache = keyCache({ now: () => nowMs });
    const key = held();
    const life = cache.begin('t');
    hold(life, life.dataKeys, 'k', key);
    nowMs = 330_000;
    cache.sweep();
    expect([works(key), cache.count()]).toEqual([false, { tenants: 0, dataKeys: 0 }]);
  });

  test('do not come back from a load that began in an earlier life', async () => {
    const cache = keyCache({ now: () => 0 });
    const earlier = cache.begin('t');
    const loading = once(earlier, 'k', async () => hold(earlier, earlier.dataKeys, 'k', held()));
    cache.end('t');
    const later = cache.begin('t');
    const key = await loading;
    expect([key.live, works(key), later.dataKeys.size, cache.find('t') === later]).toEqual([
      false,
      false,
      0,
      true,
    ]);
  });

  test('are one each: a second copy of a key is wiped and the first is used', () => {
    const life = keyCache({ now: () => 0 }).begin('t');
    const [first, second] = [held(), held()];
    expect(hold(life, life.dataKeys, 'k', first)).toBe(first);
    expect(hold(life, life.dataKeys, 'k', second)).toBe(first);
    expect([works(first), works(second)]).toEqual([true, false]);
  });

  test('stay usable for the turn in which they make room, and are wiped after it', async () => {
    const cache = keyCache({ now: () => 0, dataKeysMax: 1 });
    const life = cache.begin('t');
    const [first, second, third] = [held(), held(), held()];
    life.active.set('scope', first);
    hold(life, life.dataKeys, 'first', first);
    hold(life, life.dataKeys, 'second', second);
    expect([works(first), life.active.size]).toEqual([true, 0]);
    await new Promise((resolve) => setImmediate(resolve));
    expect([works(first), works(second)]).toEqual([false, true]);
    hold(life, life.dataKeys, 'third', third);
    cache.end('t');
    expect([works(second), works(third)]).toEqual([false, false]);
  });

  test('are wiped when the tenant makes room for others', () => {
    const cache = keyCache({ now: () => 0, tenantsMax: 1 });
    const key = held();
    const life = cache.begin('t');
    hold(life, life.tenantKeys, '1', key);
    cache.begin('u');
    expect([works(key), cache.count().tenants]).toEqual([false, 1]);
  });
});
