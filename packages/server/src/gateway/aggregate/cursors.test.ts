import fc from 'fast-check';
import { expect, test } from 'vitest';
import { oneKeySealer } from '@sealgate/vault/testing';
import { giveCursor, takeCursor } from './cursors.ts';

const sealer = oneKeySealer();
const listed = { caller: { tenant: 'g1', subject: 'u1' }, method: 'tools/list' };
const rest = { upstream: 'a', cursor: 'page 2 \ud83d\ude00', pages: 3 };
const take =
  (cursor: unknown, by = listed, with_ = sealer) =>
  () =>
    takeCursor(with_, by, cursor);

test('a cursor comes back as it was given', () => {
  fc.assert(
    fc.property(
      fc.string(),
      fc.option(fc.string({ unit: 'grapheme' }), { nil: undefined }),
      fc.nat(),
      (upstream, cursor, pages) => {
        const given = giveCursor(sealer, listed, { upstream, cursor, pages });
        expect(takeCursor(sealer, listed, given)).toEqual({ upstream, cursor, pages });
      },
    ),
  );
});

test('a cursor of another person, group, list or deployment is refused', () => {
  const cursor = giveCursor(sealer, listed, rest);
  expect(take(cursor)()).toEqual(rest);
  const others = [
    take(cursor, { ...listed, caller: { tenant: 'g1', subject: 'u2' } }),
    take(cursor, { ...listed, caller: { tenant: 'g2', subject: 'u1' } }),
    take(cursor, { ...listed, method: 'prompts/list' }),
    take(cursor, listed, oneKeySealer()),
  ];
  for (const other of others) expect(other).toThrow(expect.objectContaining({ code: -32_602 }));
});

test('a cursor with any change in it is refused', () => {
  const cursor = giveCursor(sealer, listed, rest);
  const [payload = '', mark = ''] = cursor.split('.');
  const forged = Buffer.from(JSON.stringify(['b', 'page 2', 3])).toString('base64url');
  const broken = [
    `${forged}.${mark}`,
    payload,
    `${payload}.`,
    `.${mark}`,
    `${cursor}=`,
    ` ${cursor}`,
    `${payload}=.${mark}`,
    7,
    null,
    {},
    'x'.repeat(40_000),
  ];
  for (const one of broken) expect(take(one)).toThrow(expect.objectContaining({ code: -32_602 }));
  fc.assert(
    fc.property(fc.nat(cursor.length - 1), fc.stringMatching(/^[A-Za-z0-9_.-]$/), (at, character) => {
      fc.pre(cursor[at] !== character);
      expect(take(cursor.slice(0, at) + character + cursor.slice(at + 1))).toThrow('Invalid cursor');
    }),
  );
});
