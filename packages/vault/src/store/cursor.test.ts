import { hash } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readCursor, writeCursor } from './cursor.ts';
import { memoryTables } from './memory/tables.ts';

it('a place comes back from its own question', () => {
  const place = fc.array(
    fc.oneof(fc.string({ unit: 'binary' }), fc.double({ noNaN: true, noDefaultInfinity: true })),
    { maxLength: 4 },
  );
  fc.assert(
    fc.property(place, (at) => {
      const plain = JSON.parse(JSON.stringify(at)) as typeof at;
      expect(readCursor(['q'], writeCursor(['q'], at))).toEqual(plain);
    }),
  );
});

it('no text is a cursor by accident, and none brings the reader down', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (garbage) => {
      expect(() => readCursor(['q'], garbage)).toThrow(expect.objectContaining({ code: 'cursor_invalid' }));
    }),
  );
});

// The digest is no signature, so an attacker who reads the sources can make one that fits.
function forged(question: readonly unknown[], json: string): string {
  const digest = hash('sha256', `${JSON.stringify(question)}\n${json}`, 'buffer').subarray(0, 12);
  return Buffer.concat([digest, Buffer.from(json)]).toString('base64url');
}

it.each(['', '{}', 'null', '[null]', '[["a"]]', '[1e999]', '["\\ud800"]', '["a","b","c","d","e"]'])(
  'a forged cursor around %j is refused',
  (json) => {
    expect(() => readCursor(['q'], forged(['q'], json))).toThrow(
      expect.objectContaining({ code: 'cursor_invalid' }),
    );
  },
);

it('a forged cursor cannot lead a query out of its partition or its range', async () => {
  const tables = memoryTables({ now: Date.now });
  const query = { partition: 'mine', range: { between: ['b', 'd'] }, limit: 10 } as const;
  const question = ['memberships', undefined, 'mine', query.range, false, undefined, undefined];
  const ask = (place: unknown) =>
    tables.query('memberships', { ...query, cursor: forged(question, JSON.stringify(place)) });
  await expect(ask(['mine', 'c'])).resolves.toEqual({ items: [], cursor: undefined });
  for (const place of [
    ['theirs', 'c'],
    ['mine', 'a'],
    ['mine', 'e'],
    ['mine', 'c', 'c'],
    ['mine', 5],
    ['mine'],
    [],
  ])
    await expect(ask(place)).rejects.toMatchObject({ code: 'cursor_invalid' });
});
