import { expect, test } from 'vitest';
import { parseShardOrigin } from '../../audit-verify/layout.ts';
import { monthEndMs, monthOf, originOf, scopeIn, scopePart } from './names.ts';
import { rootLog } from './segments.ts';

const long = 'x'.repeat(600);
const hash = scopePart(long);

test.each(['group-1', '_system', 'ü / ?#%', '..', '.', '~', long, hash, scopePart(hash), "(o')~!*"])(
  'the log of %j has an origin that a verifier takes',
  (scope) => {
    const origin = originOf('dep', { scope, shard: '202611-2' });
    expect(parseShardOrigin('dep', origin)).toEqual({ scope: scopePart(scope), month: '202611-2' });
    expect([scope, undefined]).toContain(scopeIn(scopePart(scope)));
  },
);

test('no two scopes have one name, not even one that is called like another one’s hash', () => {
  const scopes = [long, hash, scopePart(hash), `${long}y`, 'a', 'A', '%61', 'a/b', 'a%2Fb'];
  expect(new Set(scopes.map(scopePart)).size).toBe(scopes.length);
});

test('the root log is beside the scopes', () => {
  expect(originOf('dep', rootLog)).toBe('dep/audit/root');
});

test('a month ends where the next one begins, in UTC', () => {
  for (const [month, next] of [
    ['202611', '202612'],
    ['202612', '202701'],
    ['202802', '202803'],
  ] as const) {
    expect(monthOf(monthEndMs(month) - 1)).toBe(month);
    expect(monthOf(monthEndMs(month))).toBe(next);
  }
});
