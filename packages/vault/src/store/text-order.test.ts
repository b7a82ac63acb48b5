import fc from 'fast-check';
import { expect, it } from 'vitest';
import { behindPrefix, compareText } from './text-order.ts';

const text = fc.string({ unit: 'binary' });

it('text is ordered as its UTF-8 bytes are', () => {
  fc.assert(
    fc.property(text, text, (a, b) => {
      expect(Math.sign(compareText(a, b))).toBe(Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b))));
    }),
  );
});

it('everything with a prefix lies before what is behind the prefix, and nothing else lies between', () => {
  fc.assert(
    fc.property(text, text, (prefix, other) => {
      const behind = behindPrefix(prefix);
      const isBelow = behind === undefined || compareText(other, behind) < 0;
      expect(isBelow && compareText(other, prefix) >= 0).toBe(other.startsWith(prefix));
      expect(behind === undefined || compareText(prefix + other, behind) < 0).toBe(true);
    }),
  );
});

it.each([
  ['a', 'b'],
  ['\ud7ff', '\ue000'],
  ['a\u{10ffff}', 'b'],
  ['\u{10ffff}', undefined],
  ['', undefined],
])('behind the prefix %j comes %j', (prefix, behind) => {
  expect(behindPrefix(prefix)).toBe(behind);
});
