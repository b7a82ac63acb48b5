import { expect, test } from 'vitest';
import { mintKeyBytes } from '../seal/key-bytes.ts';
import { dataKey } from '../seal/open-key.ts';
import { parseRecord } from '../seal/record.ts';
import { memoryTables } from '../store/memory/tables.ts';
import { wrapFresh } from './data-keys.ts';
import { freshOwnKey, openOwnKey } from './own-key.ts';
import { contextAt } from './place.ts';

const now = () => 1_700_000_000_000;
const place = { tenant: 'g1', subject: '', table: 'sessions', record: 'r1', field: 'record', epoch: 0 };
const scope = { tenant: 'g1', kind: 'session', subject: '' } as const;
const parts = { deployment: 'd', tables: memoryTables({ now }), now, random: undefined, suite: 1 } as const;
const tenantKey = { key: dataKey(mintKeyBytes(), 1), version: '000001', createdAtMs: 0, live: true };
const context = contextAt('d', 'session', place);
const plain = Buffer.from('session');

test('a record whose own key is of suite 1, as earlier ones are, opens', () => {
  const { key, wrapped } = wrapFresh(parts, scope, '000001', tenantKey.key);
  const carried = Buffer.concat([Buffer.from('000001'), key.commitment, wrapped]);
  const sealed = key.seal('session', context, plain, carried);
  expect(parseRecord(sealed).suite).toBe(1);
  expect(openOwnKey(parts, scope, sealed, tenantKey).open('session', context, sealed)).toEqual(plain);
});

test('a fresh key is of suite 2 and does not open under the other', () => {
  const { key, carried } = freshOwnKey(parts, scope, tenantKey);
  const sealed = key.seal('session', context, plain, carried);
  expect(parseRecord(sealed).suite).toBe(2);
  expect(openOwnKey(parts, scope, sealed, tenantKey).open('session', context, sealed)).toEqual(plain);
  sealed[1] = 1;
  expect(() => openOwnKey(parts, scope, sealed, tenantKey)).toThrow(
    expect.objectContaining({ code: 'open_failed' }),
  );
});
