import assert from 'node:assert/strict';
import { test } from 'vitest';
import { toText } from '../seal/text-form.ts';
import type { ItemOf } from '../store/tables.ts';
import { freezeThrough, sealedValue } from './sealed-values.ts';

function row(origin: string): ItemOf<'connections'> {
  return {
    groupId: 'g1',
    connectionId: 'shop#u1#default',
    subject: 'u1',
    upstream: 'shop',
    name: 'default',
    placement: { in: 'header', name: 'authorization', scheme: 'bearer' },
    origin,
    epoch: 1,
    createdAtMs: 1,
    credential: toText(Buffer.from('sealed')),
  };
}

test('the place of an item that can still change is read each time', () => {
  const item = row('https://shop.example');
  const before = sealedValue('connections', item, 'credential').place;
  Object.assign(item, { origin: 'https://evil.example' });
  assert.notDeepEqual(sealedValue('connections', item, 'credential').place, before);
});

test('an item whose inside can still change counts as one that can', () => {
  const item = Object.freeze(row('https://shop.example'));
  const before = sealedValue('connections', item, 'credential').place;
  Object.assign(item['placement'] as object, { name: 'x-other' });
  assert.notDeepEqual(sealedValue('connections', item, 'credential').place, before);
});

test('an item that is frozen through and through is read once, and cannot be changed', () => {
  const item = freezeThrough(row('https://shop.example'));
  assert.equal(
    sealedValue('connections', item, 'credential'),
    sealedValue('connections', item, 'credential'),
  );
  assert.throws(() => Object.assign(item, { origin: 'https://evil.example' }), TypeError);
  assert.throws(() => Object.assign(item['placement'] as object, { name: 'x-other' }), TypeError);
});

test('what is kept of one item is nothing to another', () => {
  const [one, other] = ['https://shop.example', 'https://evil.example'].map((each) =>
    freezeThrough(row(each)),
  );
  assert.notDeepEqual(
    sealedValue('connections', one!, 'credential').place,
    sealedValue('connections', other!, 'credential').place,
  );
});

test('an attribute that is not sealed gives nothing', () => {
  const item = freezeThrough(row('https://shop.example'));
  for (const name of ['origin', 'nothing', 'constructor'])
    assert.throws(() => sealedValue('connections', item, name), { code: 'item_invalid' });
});
