import assert from 'node:assert/strict';
import { test } from 'vitest';
import { foundLifeMs, foundRows, type ConnectionRow, type Look, type Sought } from './found-rows.ts';

const sought: Sought = { tenant: 'g1', subject: 'u1', upstream: 'shop', name: 'default' };

function look(changes: number, atMs = 0): Look {
  const row = { groupId: 'g1', connectionId: 'shop#u1#default', credential: 'sealed' } as ConnectionRow;
  return { found: { row, changes }, changes, atMs };
}

test('a row is taken as it was read for five seconds and not a moment longer', () => {
  let nowMs = 1_000_000;
  const rows = foundRows(() => nowMs);
  rows.keep(sought, look(0, nowMs));
  nowMs += foundLifeMs - 1;
  assert.equal(rows.get(sought, 0)?.found?.row.connectionId, 'shop#u1#default');
  nowMs += 1;
  assert.equal(rows.get(sought, 0), undefined);
});

test('that there is no row holds as long, and no longer than until one is set', () => {
  const rows = foundRows(() => 0);
  rows.keep(sought, { found: undefined, changes: 0, atMs: 0 });
  assert.ok(rows.get(sought, 0));
  assert.equal(rows.get(sought, 0)?.found, undefined);
  assert.equal(rows.get(sought, 1), undefined);
});

test('a clock that is set back gives a row no longer life', () => {
  let nowMs = 1_000_000;
  const rows = foundRows(() => nowMs);
  rows.keep(sought, look(0, nowMs));
  nowMs -= 1;
  assert.equal(rows.get(sought, 0), undefined);
});

test('a row read before a change is not taken after it', () => {
  const rows = foundRows(() => 0);
  rows.keep(sought, look(3));
  assert.ok(rows.get(sought, 3));
  assert.equal(rows.get(sought, 4), undefined);
});

test('nobody gets the row of another by parts that run together', () => {
  const rows = foundRows(() => 0);
  rows.keep({ tenant: 'g1', subject: 'u', upstream: '1shop', name: 'default' }, look(0));
  for (const other of [
    { tenant: 'g', subject: '1u', upstream: '1shop', name: 'default' },
    { tenant: 'g1', subject: 'u1', upstream: 'shop', name: 'default' },
    { tenant: 'g1u', subject: '', upstream: '1shop', name: 'default' },
    { tenant: 'g1', subject: 'u', upstream: '1shopdefault', name: '' },
    { tenant: 'g1', subject: 'u', upstream: '1shop', name: 'other' },
  ])
    assert.equal(rows.get(other, 0), undefined, JSON.stringify(other));
});

test('what is kept cannot be changed by whoever holds it', () => {
  const rows = foundRows(() => 0);
  rows.keep(sought, look(0));
  const row = rows.get(sought, 0)?.found?.row;
  assert.ok(row);
  assert.throws(() => Object.assign(row, { credential: 'another' }), TypeError);
});

test('a crowd of questions does not grow it without end', () => {
  const rows = foundRows(() => 0);
  for (let i = 0; i < 5000; i += 1) rows.keep({ ...sought, subject: `u${i}` }, look(0));
  const left = Array.from({ length: 5000 }, (_, i) => rows.get({ ...sought, subject: `u${i}` }, 0));
  assert.ok(left.filter((each) => each !== undefined).length <= 4096);
  assert.ok(left.at(-1));
});
