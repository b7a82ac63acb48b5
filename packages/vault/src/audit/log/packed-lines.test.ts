import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, test } from 'vitest';
import { packLines, plainLines, unpackLines } from './packed-lines.ts';

const line = fc.oneof(
  { arbitrary: fc.constant(''), weight: 1 },
  { arbitrary: fc.json().map((text) => text.replaceAll('\n', ' ')), weight: 3 },
  {
    arbitrary: fc.string({ unit: 'grapheme', maxLength: 2000 }).map((text) => text.replaceAll('\n', '')),
    weight: 1,
  },
);
const lines = fc.array(line, { minLength: 1, maxLength: 300 });

describe('packed lines', () => {
  test('come back as they were, in whatever order they are asked for', () => {
    fc.assert(
      fc.property(lines, fc.array(fc.nat(), { maxLength: 20 }), (given, asked) => {
        const packed = unpackLines(packLines(given), given.length);
        assert.equal(packed.count, given.length);
        for (const n of asked) assert.equal(packed.at(n % given.length), given[n % given.length]);
        assert.deepEqual(packed.all(), given);
        assert.deepEqual(plainLines(given).all(), given);
      }),
    );
  });

  test('of another number are refused', () => {
    fc.assert(
      fc.property(lines, fc.integer({ min: 1, max: 400 }), (given, count) => {
        fc.pre(count !== given.length);
        assert.throws(() => unpackLines(packLines(given), count).all(), /damaged/);
      }),
    );
  });

  test('that were cut off anywhere are refused', () => {
    const bytes = packLines(Array.from({ length: 100 }, (_, n) => `{"leaf":"ü${n}"}`));
    for (let length = 0; length < bytes.length; length += 1)
      assert.throws(() => unpackLines(bytes.subarray(0, length), 100).all());
  });

  test('that were changed do not take down whoever reads them', () => {
    const bytes = packLines(Array.from({ length: 100 }, (_, n) => `{"leaf":"ü${n}"}`));
    fc.assert(
      fc.property(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 }), (at, value) => {
        const changed = Buffer.from(bytes);
        changed[at] = value;
        try {
          assert.equal(unpackLines(changed, 100).all().length, 100);
        } catch (error) {
          assert.ok(error instanceof Error);
        }
      }),
    );
  });
});
