import { expect, it } from 'vitest';
import type { Caller } from '../caller.ts';
import { allow } from './allow.ts';
import { readCall } from './call.ts';
import { readFields } from './fields.ts';

const caller: Caller = {
  tenant: 't1',
  subject: 'ann',
  client: 'c',
  source: 'mcp',
  ip: undefined,
  agent: undefined,
};
const call = readCall(
  readFields(['Content-Type', 'application/json']),
  Buffer.from('{"jsonrpc":"2.0","id":1,"method":"ping"}'),
);

it('lets a person see and call what belongs to their group, and nothing else exists for them', () => {
  for (const want of ['list', call] as const) {
    expect(allow({ caller, upstream: { tenant: 't1', name: 'shop' }, want })).toEqual({ allowed: true });
    for (const tenant of ['t2', '', 'T1', 't1 '])
      expect(allow({ caller, upstream: { tenant, name: 'shop' }, want })).toMatchObject({
        allowed: false,
        code: 'upstream_unknown',
      });
  }
});
