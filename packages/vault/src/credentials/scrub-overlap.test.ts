import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Answer } from './loan.ts';
import { needlesOf } from './needles.ts';
import { scrubAnswer, scrubBytes } from './scrub.ts';

// Secrets that overlap themselves, each other, the asterisks they are overwritten with, and the cuts of a stream.

/** Every byte of every occurrence, found the slow way. */
function overwritten(text: string, needles: readonly string[]): string {
  const hidden = new Set<number>();
  for (const needle of needles)
    for (let at = text.indexOf(needle); at !== -1; at = text.indexOf(needle, at + 1))
      for (let each = at; each < at + needle.length; each += 1) hidden.add(each);
  return [...text].map((character, at) => (hidden.has(at) ? '*' : character)).join('');
}

async function streamed(pieces: readonly string[], needles: readonly Buffer[]): Promise<string> {
  async function* body(): AsyncGenerator<Uint8Array> {
    for (const piece of pieces) yield Buffer.from(piece);
  }
  const answer: Answer = scrubAnswer({ status: 200, headers: {}, body: body() }, needles);
  let text = '';
  for await (const chunk of answer.body as AsyncIterable<Uint8Array>) text += Buffer.from(chunk).toString();
  return text;
}

it.each([
  ['one letter', 'xaaaaaaaaax', ['aaaaaa'], 'x*********x'],
  ['a word that ends as it begins', 'abcXabcXabc.', ['abcXabc'], '***********.'],
  ['two forms', 'abcdefghijkl', ['abcdefgh', 'ghijkl'], '************'],
  ['asterisks', 'a*****b*****', ['a*****', '*****b'], '************'],
])('%s: nothing of any occurrence is left', (_, text, needles, clean) => {
  const found = scrubBytes(
    Buffer.from(text),
    needles.map((needle) => Buffer.from(needle)),
  );
  expect(Buffer.from(found).toString()).toBe(clean);
});

it('a stream says what the whole says, wherever it is cut', async () => {
  const letters = fc.constantFrom('a', 'b', '*');
  const words = (from: number, to: number) => fc.array(letters, { minLength: from, maxLength: to });
  const cases = fc.record({
    pieces: fc.array(
      words(0, 9).map((each) => each.join('')),
      { maxLength: 8 },
    ),
    needles: fc.array(
      words(2, 6).map((each) => each.join('')),
      { minLength: 1, maxLength: 3 },
    ),
  });
  const holds = fc.asyncProperty(cases, async ({ pieces, needles }) => {
    const expected = overwritten(pieces.join(''), needles);
    const sought = needles.map((needle) => Buffer.from(needle));
    expect(Buffer.from(scrubBytes(Buffer.from(pieces.join('')), sought)).toString()).toBe(expected);
    expect(await streamed(pieces, sought)).toBe(expected);
  });
  await fc.assert(holds, { numRuns: 2000 });
});

const odd = 'k3y/a+b&c="<é> \u{1f511}%\\';
it.each([
  ['Python and PHP write JSON', '"k3y\\/a+b&c=\\"<\\u00e9> \\ud83d\\udd11%\\\\"'],
  ['Python writes JSON', '"k3y/a+b&c=\\"<\\u00e9> \\ud83d\\udd11%\\\\"'],
  ['Go writes JSON', '"k3y/a+b\\u0026c=\\"\\u003cé\\u003e \u{1f511}%\\\\"'],
  ['a form is sent', 'k=k3y%2Fa%2Bb%26c%3D%22%3C%C3%A9%3E+%F0%9F%94%91%25%5C'],
  ['an address is written small', '?k=k3y%2fa%2bb%26c%3d%22%3c%c3%a9%3e%20%f0%9f%94%91%25%5c'],
  ['a path is written', '/k3y/a%2Bb%26c%3D%22%3C%C3%A9%3E%20%F0%9F%94%91%25%5C'],
])('a secret of odd characters is found as %s', (_, said) => {
  const needles = needlesOf(Buffer.from(odd), { in: 'query', name: 'k' });
  expect(Buffer.from(scrubBytes(Buffer.from(said), needles)).toString()).toMatch(/^[^*]{0,3}\*{30,}"?$/);
});

it('a header that repeats a secret beyond ASCII is found, in UTF-8 and in Latin-1', () => {
  const text = 'pässwörd-ü';
  const utf8 = Buffer.from(text).toString('latin1');
  const { headers } = scrubAnswer(
    {
      status: 200,
      headers: { one: `said ${utf8}!`, two: `said ${text}!`, other: 'é' },
      body: Buffer.alloc(0),
    },
    [Buffer.from(text)],
  );
  const stars = (length: number): string => `said ${'*'.repeat(length)}!`;
  expect(headers).toEqual({ one: stars(utf8.length), two: stars(text.length), other: 'é' });
});

it('a large answer of nothing but the beginning of the secret is read in good time', async () => {
  const secret = Buffer.concat([Buffer.alloc(4096, 'a'), Buffer.alloc(4096, 'b')]);
  const pieces = Array.from({ length: 64 }, () => 'a'.repeat(65_536));
  expect(await streamed(pieces, [secret])).toBe(pieces.join(''));
});
