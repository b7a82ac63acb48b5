import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromText, toText } from './text-form.ts';

const openFailed = expect.objectContaining({ code: 'open_failed' });

test('every record comes back from its text', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      expect(fromText(toText(bytes)).equals(bytes)).toBe(true);
    }),
  );
});

test('a view into a larger buffer becomes the text of the view alone', () => {
  expect(toText(Buffer.from('xxhelloxx').subarray(2, 7))).toBe('aGVsbG8');
});

test('any other text for the same record is refused', () => {
  for (const text of [
    'aGVsbG8=',
    'aGVsbG8\n',
    ' aGVsbG8',
    'aGVs bG8',
    'aGVsbG9',
    'aGVsbG8!',
    'aGVsb-G8.',
    '+/+/',
    '_/8',
    'a',
  ])
    expect(() => fromText(text), `text ${JSON.stringify(text)}`).toThrow(openFailed);
});

test('a text that is taken is the only one for its record', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('A', 'B', '_', '-', '+', '/', '=', ' ', 'Q'), maxLength: 9 }),
      (text) => {
        let bytes: Buffer;
        try {
          bytes = fromText(text);
        } catch {
          return;
        }
        expect(toText(bytes)).toBe(text);
      },
    ),
    { numRuns: 2000 },
  );
});
