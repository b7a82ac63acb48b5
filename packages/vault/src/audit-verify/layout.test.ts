import assert from 'node:assert/strict';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bodiesPath, byMonth, parseShardOrigin, scopeOf, shardFolder, shardOrigin } from './layout.ts';
import { isLogPath } from './source.ts';

// Any UTF-16, halves of pairs included.
const anyText = fc.array(fc.nat(0xffff), { maxLength: 40 }).map((codes) => String.fromCharCode(...codes));

test('every tenant has a place of its own, inside the folder', () => {
  fc.assert(
    fc.property(anyText, (tenant) => {
      const scope = scopeOf(tenant);
      if (scope === undefined) return;
      expect(decodeURIComponent(scope)).toBe(tenant);
      const name = { scope, month: '202611' };
      expect(isLogPath(shardFolder(name))).toBe(true);
      expect(parseShardOrigin('gate.example', shardOrigin('gate.example', name))).toEqual(name);
    }),
  );
  for (const tenant of ['', '.', '..', '\ud800', 'x'.repeat(513)]) assert.equal(scopeOf(tenant), undefined);
  assert.equal(scopeOf('../x'), '..%2Fx');
});

test.each([
  'gate.example/audit/root',
  'gate.example/audit/acme',
  'gate.example/audit/acme/202613',
  'gate.example/audit/acme/202600',
  'gate.example/audit/acme/202611-1',
  'gate.example/audit/acme/202611/x',
  'gate.example/audit/../202611',
  'gate.example/audit//202611',
  'gate.example/audit/a b/202611',
  'gate.example/audit/b%2fv/202611',
  'gate.example/audit/%61cme/202611',
  'gate.example/audit/acme%/202611',
  'gate.example/audit/%2E%2E/202611',
  'other.example/audit/acme/202611',
  'gate.examples/audit/acme/202611',
])('%j is no log of a tenant', (origin) => {
  assert.equal(parseShardOrigin('gate.example', origin), undefined);
});

test('logs of one tenant are ordered by month, and within it by number', () => {
  const months = ['202611', '202611-2', '202611-10', '202612', '202701'];
  const shards = months.map((month) => ({ scope: 'acme', month }));
  assert.deepEqual(shards.toReversed().toSorted(byMonth), shards);
});

test('bodies lie under the number of their bundle', () => {
  assert.equal(bodiesPath(7), 'bodies/007.jsonl');
  assert.equal(bodiesPath(1234), 'bodies/x001/234.jsonl');
});
