import { memoryTables, type Tables } from '@sealgate/vault';
import { oneKeySealer } from '@sealgate/vault/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { dropAuditorsOf, openAuditors, type Auditors } from './auditors.ts';

const dayMs = 24 * 3600_000;
const sealer = oneKeySealer();
let nowMs: number;
let tables: Tables;
let auditors: Auditors;
const now = (): number => nowMs;
beforeEach(() => {
  nowMs = 1_700_000_000_000;
  tables = memoryTables({ now });
  auditors = openAuditors({ tables, sealer, now });
});

const added = async (name: string, tenant?: string, days = 7): Promise<string> =>
  (await auditors.add({ name, tenant, days })).token;

describe('an auditor', () => {
  test('is known by the token, with the tenant that was given, until the time is over', async () => {
    const token = await added('ann', 'g1');
    expect(token).toMatch(/^sga_[\w-]{43}\.ann$/);
    expect(await auditors.identify(token)).toEqual({
      name: 'ann',
      tenant: 'g1',
      addedAtMs: nowMs,
      endsAtMs: nowMs + 7 * dayMs,
    });
    nowMs += 7 * dayMs - 1;
    expect(await auditors.identify(token)).toBeDefined();
    nowMs += 1;
    expect(await auditors.identify(token)).toBeUndefined();
    expect(await auditors.list()).toEqual([]);
  });

  test('is removed for every instance at once', async () => {
    const token = await added('ann');
    const another = openAuditors({ tables, sealer, now });
    const auditor = await another.identify(token);
    expect(auditor?.tenant).toBeUndefined();
    expect(await auditors.remove('ann')).toBe(true);
    expect(await another.identify(token)).toBeUndefined();
    expect(await another.stands(auditor!)).toBe(false);
    expect(await auditors.remove('ann')).toBe(false);
  });

  test('of the same name, made later, is another one', async () => {
    const first = (await auditors.identify(await added('ann')))!;
    await expect(added('ann')).rejects.toMatchObject({ code: 'usage' });
    await auditors.remove('ann');
    nowMs += 1;
    await added('ann');
    expect(await auditors.stands(first)).toBe(false);
  });

  test('of a tenant that is gone is gone', async () => {
    const [one, other, every] = [await added('one', 'g1'), await added('other', 'g2'), await added('every')];
    expect(await dropAuditorsOf({ tables, sealer, now }, 'g1')).toBe(1);
    expect(await auditors.identify(one)).toBeUndefined();
    expect((await auditors.identify(other))?.name).toBe('other');
    expect((await auditors.identify(every))?.name).toBe('every');
    expect((await auditors.list()).map(({ name }) => name)).toEqual(['every', 'other']);
  });

  test.each(['', 'Ann', 'a b', '-a', 'a-', 'a.b', 'a/b', 'ä', 'x'.repeat(33), '__proto__'])(
    'is not called %j',
    async (name) => {
      await expect(added(name)).rejects.toMatchObject({ code: 'usage' });
      expect(await auditors.remove(name)).toBe(false);
    },
  );

  test.each([0, -1, 1.5, 367, Number.NaN])('is none for %d days', async (days) => {
    await expect(added('ann', 'g1', days)).rejects.toMatchObject({ code: 'usage' });
  });
});

describe('a token', () => {
  test('of another name, another secret or another form is nobody’s', async () => {
    const [ann, ben] = [await added('ann'), await added('ben')];
    const secret = (token: string): string => token.slice(4, 47);
    for (const token of [
      `sga_${secret(ann)}.ben`,
      `sga_${secret(ben)}.ann`,
      `sga_${'A'.repeat(43)}.ann`,
      `sga_${secret(ann)}`,
      `${secret(ann)}.ann`,
      `${ann}\n`,
      ` ${ann}`,
      `${ann}.ann`,
      ann.toUpperCase(),
      'sga_.ann',
      '',
    ])
      expect(await auditors.identify(token)).toBeUndefined();
  });

  test('lies nowhere: what is kept of it is of no use as one', async () => {
    const token = await added('ann', 'tenant-of-ann');
    const [{ item } = { item: {} }] = (await tables.scan('records', { limit: 10 })).items;
    const text = JSON.stringify(item);
    for (const word of [token, token.slice(4, 47), 'tenant-of-ann']) expect(text).not.toContain(word);
    const mark = sealer.blind('auditors.token', token);
    expect(await auditors.identify(`sga_${mark.slice(0, 43)}.ann`)).toBeUndefined();
  });

  test('opens nothing when its row was put in the place of another', async () => {
    const [one] = [await added('one', 'g1'), await added('every')];
    const { items } = await tables.scan('records', { limit: 10 });
    const [first, second] = items;
    const swapped = { ...second!.item, recordKey: first!.item.recordKey };
    await tables.put('records', swapped);
    const swappedBack = { ...first!.item, recordKey: second!.item.recordKey };
    await tables.put('records', swappedBack);
    await expect(auditors.identify(one)).rejects.toMatchObject({ code: 'open_failed' });
  });
});
