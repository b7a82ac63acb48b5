import { describe, expect, test } from 'vitest';
import type { Suite } from './data-key.ts';
import { kinds, type ContextOf, type KindName } from './kinds.ts';
import { dataKey } from './open-key.ts';
import { parseRecord } from './record.ts';

// Whoever can write to the store tries to make a record open as something else than what was sealed.
const place: ContextOf<'token'> = {
  deployment: 'd',
  tenant: 't',
  subject: 's',
  kind: 'token',
  table: 'tokens',
  record: 'r',
  field: 'f',
  epoch: '1',
};
const secret = Buffer.from('secret');
const wrapped = Buffer.alloc(5, 0xaa);
const openFailed = expect.objectContaining({
  code: 'open_failed',
  message: 'the sealed data cannot be opened',
});
const placed = (Object.keys(kinds) as KindName[]).filter((kind) => kinds[kind].fields === kinds.token.fields);

const cases = ([1, 2] as const).flatMap((suite) =>
  (['token', 'session'] as const).map((kind) => ({ suite, kind })),
);

/** The code and message of the refusal, or `undefined` when it opened. */
function refusal(work: () => unknown): { code: string; message: string } | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return error as { code: string; message: string };
  }
}

describe.each(cases)('a $kind record of suite $suite', ({ suite, kind }) => {
  const key = dataKey(Buffer.alloc(32, 5), suite);
  const sealed = key.seal(kind, place, secret, kinds[kind].ownKey ? wrapped : undefined);

  test('does not open with any one bit changed', () => {
    expect(key.open(kind, place, sealed)).toEqual(secret);
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      const changed = Buffer.from(sealed);
      changed[bit >> 3]! ^= 1 << (bit & 7);
      const refused = refusal(() => key.open(kind, place, changed));
      expect(refused?.code, `bit ${bit}`).toBe(bit < 8 ? 'record_version_unknown' : 'open_failed');
    }
  });

  test('does not open when it is cut short anywhere, at either end', () => {
    for (let length = 0; length < sealed.length; length += 1) {
      expect(() => key.open(kind, place, sealed.subarray(0, length)), `${length} bytes`).toThrow(openFailed);
      expect(refusal(() => key.open(kind, place, sealed.subarray(sealed.length - length)))).toBeDefined();
    }
  });

  test('does not open when bytes are added', () => {
    for (const extra of [1, 12, 16, 24, 100]) {
      expect(() => key.open(kind, place, Buffer.concat([sealed, Buffer.alloc(extra)]))).toThrow(openFailed);
      const inside = Buffer.concat([sealed.subarray(0, -16), Buffer.alloc(extra), sealed.subarray(-16)]);
      expect(() => key.open(kind, place, inside)).toThrow(openFailed);
    }
  });

  test.each(Object.keys(place) as (keyof typeof place)[])('does not open under another %s', (field) => {
    const others = ['', 'other', `${place[field]} `, `${place[field].toUpperCase()}\0`];
    for (const other of others.filter((text) => text !== place[field]))
      expect(() => key.open(kind, { ...place, [field]: other }, sealed)).toThrow(openFailed);
  });

  test('does not open when two neighbouring fields are joined or swapped', () => {
    expect(() => key.open(kind, { ...place, tenant: 'ts', subject: '' }, sealed)).toThrow(openFailed);
    expect(() => key.open(kind, { ...place, tenant: '', subject: 'ts' }, sealed)).toThrow(openFailed);
    expect(() => key.open(kind, { ...place, tenant: 's', subject: 't' }, sealed)).toThrow(openFailed);
  });

  test('does not open as another kind, even with that kind written into it', () => {
    for (const other of placed.filter((name) => name !== kind)) {
      const context = place as ContextOf<typeof other>;
      expect(() => key.open(other, context, sealed)).toThrow(openFailed);
      const changed = Buffer.from(sealed);
      changed[2] = kinds[other].code;
      expect(() => key.open(other, context, changed)).toThrow(openFailed);
      changed[3] = Number(kinds[other].ownKey);
      expect(() => key.open(other, context, changed)).toThrow(openFailed);
    }
  });

  test('does not open under the other suite made of the same bytes', () => {
    const other: Suite = suite === 1 ? 2 : 1;
    const otherKey = dataKey(Buffer.alloc(32, 5), other);
    expect(() => otherKey.open(kind, place, sealed)).toThrow(openFailed);
    const changed = Buffer.from(sealed);
    changed[1] = other;
    expect(() => key.open(kind, place, changed)).toThrow(openFailed);
    changed.set(otherKey.id, 4);
    expect(() => otherKey.open(kind, place, changed)).toThrow(openFailed);
  });

  test('says the same for a context that could never have been sealed', () => {
    expect(() => key.open(kind, { ...place, tenant: '\ud800' }, sealed)).toThrow(openFailed);
    expect(() => key.open(kind, {} as typeof place, sealed)).toThrow(openFailed);
  });
});

test('parts of two records never make a third', () => {
  const key = dataKey(Buffer.alloc(32, 5), 1);
  const one = key.seal('session', place, Buffer.from('secret one'), Buffer.from('key one'));
  const two = key.seal('session', place, Buffer.from('secret two'), Buffer.from('key two'));
  for (const [from, to] of [
    [22, 29],
    [29, 53],
    [53, -16],
    [-16, undefined],
  ] as const) {
    const mixed = Buffer.from(one);
    mixed.set(two.subarray(from, to), from < 0 ? one.length + from : from);
    expect(() => key.open('session', place, mixed)).toThrow(openFailed);
  }
});

test('a record of another version is refused by its name, before anything else is read', () => {
  const refused = refusal(() => parseRecord(Buffer.of(0x0a)));
  expect(refused).toMatchObject({ code: 'record_version_unknown', message: expect.stringContaining('0x0A') });
});

test.each([
  ['nothing', ''],
  ['a header without a body', `e1010100${'00'.repeat(16)}`],
  ['suite 0', `e1000100${'00'.repeat(60)}`],
  ['suite 3', `e1030100${'00'.repeat(60)}`],
  ['an unknown kind', `e1010e00${'00'.repeat(60)}`],
  ['an unknown flag', `e1010102${'00'.repeat(60)}`],
  ['a wrapped key on a kind without', `e1010101${'00'.repeat(60)}`],
  ['a kind with keys of its own without one', `e1010300${'00'.repeat(60)}`],
  ['a wrapped key longer than the record', `e1010301${'00'.repeat(16)}ffff${'00'.repeat(60)}`],
  ['half a length', `e1010301${'00'.repeat(16)}00`],
])('%s is no record', (_what, text) => {
  expect(() => parseRecord(Buffer.from(text, 'hex'))).toThrow(openFailed);
});
