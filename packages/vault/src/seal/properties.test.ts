import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Refusal } from '../refusal.ts';
import { additionalData } from './additional-data.ts';
import type { DataKey } from './data-key.ts';
import { mintKeyBytes } from './key-bytes.ts';
import { kinds, type ContextOf, type KindName } from './kinds.ts';
import { dataKey } from './open-key.ts';
import { headerFor, setKind } from './record.ts';

// What holds for every kind under both suites, whatever is sealed and wherever.

/** One record: its kind, the values of its context in order, the key that it carries if its kind has one, its plaintext. */
interface Drawn {
  readonly kind: KindName;
  readonly values: readonly string[];
  readonly carried: Uint8Array;
  readonly plaintext: Uint8Array;
}

// A small alphabet with the bytes that lengths are made of, so that chance meetings are likely.
const value = fc.string({ unit: fc.constantFrom('\0', '\u0001', '\u0002', 'a', 'é', '😀'), maxLength: 5 });
const names = Object.keys(kinds) as KindName[];
const drawn = (bytesMax: number): fc.Arbitrary<Drawn> =>
  fc.record({
    kind: fc.constantFrom(...names),
    values: fc.array(value, { minLength: 8, maxLength: 8 }),
    carried: fc.uint8Array({ maxLength: 60 }),
    plaintext: fc.uint8Array({ maxLength: bytesMax }),
  });
const cases = ([1, 2] as const).flatMap((suite) => names.map((kind) => ({ suite, kind })));

function contextOf({ kind, values }: Drawn): ContextOf<KindName> {
  return Object.fromEntries(kinds[kind].fields.map((field, n) => [field, values[n]])) as ContextOf<KindName>;
}

function sealed(key: DataKey, record: Drawn): Buffer {
  const carried = kinds[record.kind].ownKey ? record.carried : undefined;
  return key.seal(record.kind, contextOf(record), record.plaintext, carried);
}

function refusalOf(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return error instanceof Refusal ? error.code : String(error);
  }
}

describe.each(cases)('records of kind $kind under suite $suite', ({ suite, kind }) => {
  const key = dataKey(mintKeyBytes(), suite);
  const ofKind = drawn(300).map((record) => ({ ...record, kind }));

  test('come back as they were', () => {
    fc.assert(
      fc.property(ofKind, (record) => {
        const opened = key.open(kind, contextOf(record), sealed(key, record));
        expect(opened.equals(record.plaintext)).toBe(true);
      }),
    );
  });

  test('do not open with any one bit changed: header, carried key, nonce, ciphertext and tag', () => {
    const record: Drawn = {
      kind,
      values: ['d', 't', 's', 'k', 'a', 'r', 'f', '1'],
      carried: Buffer.from('a carried key'),
      plaintext: Buffer.from('a secret'),
    };
    const whole = sealed(key, record);
    for (let bit = 0; bit < whole.length * 8; bit += 1) {
      whole[bit >> 3]! ^= 1 << (bit & 7);
      const code = refusalOf(() => key.open(kind, contextOf(record), whole));
      expect(code, `bit ${bit}`).toBe(bit < 8 ? 'record_version_unknown' : 'open_failed');
      whole[bit >> 3]! ^= 1 << (bit & 7);
    }
    expect(key.open(kind, contextOf(record), whole)).toEqual(record.plaintext);
  });

  test('do not open with a bit changed anywhere, whatever they hold', () => {
    fc.assert(
      fc.property(ofKind, fc.nat(), (record, at) => {
        const changed = sealed(key, record);
        changed[(at >> 3) % changed.length]! ^= 1 << (at & 7);
        expect(refusalOf(() => key.open(kind, contextOf(record), changed))).toBeDefined();
      }),
      { numRuns: 200 },
    );
  });
});

test.each([1, 2] as const)(
  'under suite %i a record opens as what it was sealed as, and as nothing else',
  (suite) => {
    const key = dataKey(mintKeyBytes(), suite);
    fc.assert(
      fc.property(drawn(20), drawn(20), (one, other) => {
        const fields = kinds[one.kind].fields.length;
        const same =
          one.kind === other.kind &&
          one.values.slice(0, fields).join('|') === other.values.slice(0, fields).join('|');
        const code = refusalOf(() => key.open(other.kind, contextOf(other), sealed(key, one)));
        expect(code).toBe(same ? undefined : 'open_failed');
      }),
      { numRuns: 2000 },
    );
  },
);

test('no two records of any kinds have the same additional data unless all that is bound is the same', () => {
  const bytesOf = ({ kind, values, carried }: Drawn): string => {
    const header = headerFor(1, Buffer.alloc(16, 7));
    setKind(header, kind);
    const wrapped = kinds[kind].ownKey ? carried : undefined;
    const { fields } = kinds[kind];
    const context = contextOf({ kind, values, carried, plaintext: carried });
    return Buffer.from(additionalData({ header, wrapped, fields, context })).toString('hex');
  };
  const boundOf = ({ kind, values, carried }: Drawn): string =>
    JSON.stringify([
      kind,
      values.slice(0, kinds[kind].fields.length),
      kinds[kind].ownKey ? Buffer.from(carried).toString('hex') : '',
    ]);
  const short = drawn(0).map((record) => ({ ...record, carried: record.carried.subarray(0, 3) }));
  fc.assert(
    fc.property(short, short, (one, other) => {
      expect(bytesOf(one) === bytesOf(other)).toBe(boundOf(one) === boundOf(other));
    }),
    { numRuns: 5000 },
  );
});
