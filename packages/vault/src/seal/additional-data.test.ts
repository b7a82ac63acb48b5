import fc from 'fast-check';
import { expect, test } from 'vitest';
import { additionalData, type Bound } from './additional-data.ts';
import { kinds } from './kinds.ts';

const { fields } = kinds.token;
const header = Buffer.alloc(20, 1);
const bind = (context: Bound['context'], wrapped?: Uint8Array) =>
  Buffer.from(additionalData({ header, wrapped, fields, context })).toString('hex');
const contextOf = (values: readonly string[]) =>
  Object.fromEntries(fields.map((field, i) => [field, values[i]!]));
const blank = contextOf(fields.map(() => ''));

// A small alphabet with the bytes that lengths and counts are made of, so that chance meetings are likely.
const text = fc.string({ unit: fc.constantFrom('\0', '\u0001', '\u0008', 'a', 'é', '😀'), maxLength: 4 });
const texts = fc.array(text, { minLength: fields.length, maxLength: fields.length });

test('different contexts never have the same bytes', () => {
  fc.assert(
    fc.property(texts, texts, (one, other) => {
      const same = one.every((value, i) => value === other[i]);
      expect(bind(contextOf(one)) === bind(contextOf(other))).toBe(same);
    }),
    { numRuns: 3000 },
  );
});

test('moving a character over any border between fields changes the bytes', () => {
  fc.assert(
    fc.property(texts, fc.integer({ min: 0, max: fields.length - 2 }), text, (values, at, moved) => {
      fc.pre(moved !== '');
      const left = values.with(at, values[at]! + moved);
      const right = values.with(at + 1, moved + values[at + 1]!);
      expect(bind(contextOf(left))).not.toBe(bind(contextOf(right)));
    }),
    { numRuns: 1000 },
  );
});

test('the bytes can be read back, so nothing in them is said in two ways', () => {
  fc.assert(
    fc.property(texts, (values) => {
      const bytes = Buffer.from(bind(contextOf(values)), 'hex');
      expect(bytes[20]).toBe(fields.length);
      const seen: string[] = [];
      for (let at = 21; at < bytes.length;) {
        const end = at + 2 + bytes.readUInt16BE(at);
        seen.push(bytes.toString('utf8', at + 2, end));
        at = end;
      }
      expect(seen).toEqual(values);
    }),
  );
});

test('the order in which a context was written down does not matter', () => {
  const values = fields.map((field) => `value of ${field}`);
  const reversed = Object.fromEntries(Object.entries(contextOf(values)).toReversed());
  expect(bind(reversed)).toBe(bind(contextOf(values)));
});

test('a wrapped key is covered', () => {
  expect(bind(blank, Buffer.from('one'))).not.toBe(bind(blank, Buffer.from('two')));
});

test.each([
  ['missing', undefined],
  ['a number', 1],
  ['null', null],
  ['an object that prints like text', { toString: () => 'a' }],
  ['a lone high surrogate', 'a\ud800'],
  ['a lone low surrogate', '\udc00a'],
  ['one byte too long', 'a'.repeat(65_536)],
  ['one byte too long in UTF-8', 'é'.repeat(32_768)],
])('a field that is %s is refused by its name', (_what, value) => {
  const context = { ...blank, record: value } as unknown as Bound['context'];
  expect(() => bind(context)).toThrow(
    expect.objectContaining({ code: 'context_invalid', message: expect.stringContaining('"record"') }),
  );
});

test('a refused field is not repeated in the message', () => {
  const context = { ...blank, record: 'hunter2\ud800' };
  expect(() => bind(context)).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining('hunter2') }),
  );
});

test('eight fields of the greatest length fit', () => {
  const longest = 'é'.repeat(32_767);
  expect(bind(contextOf(fields.map(() => longest))).length / 2).toBe(21 + 8 * (2 + 65_534));
});

test('a context that binds another while it is read is bound all the same', () => {
  const plain = { ...blank, epoch: '7' };
  const nested = {
    ...blank,
    get epoch() {
      bind(contextOf(fields.map(() => 'overwritten')));
      return '7';
    },
  };
  expect(bind(nested)).toBe(bind(plain));
});
