import fc from 'fast-check';
import { expect, test } from 'vitest';
import { matchesTemplate } from './uri-template.ts';

test.each([
  ['file:///{path}', 'file:///a.txt', true],
  ['file:///{path}', 'file:///a/b.txt', false],
  ['file:///{+path}', 'file:///a/b.txt', true],
  ['file:///{+path}', 'http:///a/b.txt', false],
  ['users://{id}/posts/{post}', 'users://7/posts/9', true],
  ['users://{id}/posts/{post}', 'users://7/8/posts/9', false],
  ['q://search{?text,limit}', 'q://search?text=a&limit=3', true],
  ['q://search{?text,limit}', 'q://search', true],
  ['q://search{?text,limit}', 'q://searching', false],
  ['tree:{/path*}', 'tree:/a/b/c', true],
  ['doc://x{#part}', 'doc://x#intro', true],
  ['doc://x{.ext}', 'doc://x.md', true],
  ['plain://text', 'plain://text', true],
  ['plain://text', 'plain://text2', false],
  ['a{', 'a', false],
  ['a}b', 'a}b', false],
  ['a{}', 'a', false],
])('%s and %s: %s', (template, uri, expected) => {
  expect(matchesTemplate(template, uri)).toBe(expected);
});

test('an expansion always matches', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 40 }), fc.string({ maxLength: 40 }), (one, two) => {
      const uri = `x://${encodeURIComponent(one)}/mid/${encodeURIComponent(two)}`;
      expect(matchesTemplate('x://{one}/mid/{two}', uri)).toBe(true);
    }),
  );
});

test('a template made to be slow comes to an end, one out of bounds matches nothing', () => {
  expect(matchesTemplate(`${'{+a}x'.repeat(30)}!`, 'x'.repeat(8192))).toBe(false);
  expect(matchesTemplate('{a}'.repeat(1000), 'aaa')).toBe(false);
  expect(matchesTemplate('{+a}', 'x'.repeat(8193))).toBe(false);
});
