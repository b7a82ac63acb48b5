import { expect, it } from 'vitest';
import { addPiece, joined } from './pieces.ts';

/** A single byte that keeps 64 KiB alive, as a parser cuts it out of what it read. */
const crumb = (n: number): Uint8Array => new Uint8Array(64 * 1024).fill(n).subarray(0, 1);

it('single bytes do not keep the buffers alive that they were read into', () => {
  const pieces: Uint8Array[] = [];
  for (let n = 0; n < 5000; n++) addPiece(pieces, crumb(n % 251));
  const alive = new Set(pieces.map(({ buffer }) => buffer));
  expect([...alive].reduce((bytes, { byteLength }) => bytes + byteLength, 0)).toBeLessThan(5 * 1024 * 1024);
  expect([...joined(pieces)]).toEqual(Array.from({ length: 5000 }, (_, n) => n % 251));
});

it('one piece is given as it is, and none is empty', () => {
  const only = crumb(7);
  expect(joined([only])).toBe(only);
  expect(joined([])).toHaveLength(0);
});
