import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Suite } from './data-key.ts';
import { kinds, type ContextOf, type KindName } from './kinds.ts';
import { dataKey } from './open-key.ts';
import { parseRecord } from './record.ts';

interface Golden {
  readonly suite: Suite;
  readonly kind: KindName;
  readonly key: string;
  readonly commitment: string;
  readonly nonce: string;
  readonly context: ContextOf<KindName>;
  readonly wrapped?: string;
  readonly plaintext: string;
  readonly record: string;
}

const hex = (text: string) => Buffer.from(text, 'hex');
const file = readFileSync(new URL('vectors/golden.json', import.meta.url), 'utf8');
const goldens = JSON.parse(file) as readonly Golden[];

describe.each(goldens)('the golden $kind of suite $suite', (golden) => {
  const { suite, kind, context } = golden;
  const wrapped = golden.wrapped === undefined ? undefined : hex(golden.wrapped);
  const key = dataKey(hex(golden.key), suite, { random: () => hex(golden.nonce) });

  test('opens', () => {
    expect(key.open(kind, context, hex(golden.record))).toEqual(hex(golden.plaintext));
  });

  test('is sealed again to the same bytes', () => {
    expect(key.seal(kind, context, hex(golden.plaintext), wrapped).toString('hex')).toBe(golden.record);
  });

  test('says what it is', () => {
    expect(Buffer.from(key.commitment).toString('hex')).toBe(golden.commitment);
    const parsed = parseRecord(hex(golden.record));
    expect(parsed).toMatchObject({ suite, kind, dataKeyId: hex(golden.commitment).subarray(0, 16), wrapped });
  });
});

test('every kind has a golden record under every suite', () => {
  const pairs = goldens.map(({ suite, kind }) => `${suite} ${kind}`).toSorted();
  const names = Object.keys(kinds);
  expect(pairs).toEqual([1, 2].flatMap((suite) => names.map((kind) => `${suite} ${kind}`)).toSorted());
});

test('the code of a kind is its own', () => {
  const codes = Object.values(kinds).map(({ code }) => code);
  expect(new Set(codes).size).toBe(codes.length);
});
