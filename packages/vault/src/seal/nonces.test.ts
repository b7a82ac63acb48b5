import { expect, test } from 'vitest';
import { dropNoncePool, fillNonce } from './nonces.ts';

function draw(bytes: number): string {
  const nonce = Buffer.alloc(bytes);
  fillNonce(nonce);
  return nonce.toString('hex');
}

test('100,000 nonces of both lengths are all different', () => {
  const seen = new Set<string>();
  for (let i = 0; i < 50_000; i += 1) seen.add(draw(24)).add(draw(12));
  expect(seen.size).toBe(100_000);
});

test('no part of a nonce comes from bytes that another was made of', () => {
  const drawn = Array.from({ length: 2000 }, (_, i) => draw(i % 2 === 0 ? 24 : 12)).join('');
  const blocks = drawn.match(/.{12}/g)!;
  expect(new Set(blocks).size).toBe(blocks.length);
  expect(blocks).not.toContain('0'.repeat(12));
});

test('after the pool is dropped nonces go on, fresh', () => {
  const before = draw(24);
  dropNoncePool();
  dropNoncePool();
  expect(draw(24)).not.toBe(before);
  expect(draw(24)).not.toBe('0'.repeat(48));
});
