import assert from 'node:assert/strict';
import { createHmac, hash } from 'node:crypto';
import { test } from 'vitest';
import { canonicalText } from '../../keys/shred/shredding-receipt.ts';
import { attemptText, outcomeText } from '../entry-text.ts';
import type { Act } from '../acts.ts';
import type { AuditContext, AuditFields, Entry } from '../entry.ts';
import { entryOf, erasedId, readParts } from './entry-of.ts';
import { leafBytesMax, leafOf } from './leaf.ts';
import { logKeys } from './log-keys.ts';
import { personPartOf } from './person-part.ts';

const origin = { writer: `${'ab'.repeat(16)}/7`, n: 41, policy: 1 };
const id = '01932b6e-7a55-7cc3-98c4-dc0c0c07398f';
const keys = logKeys(Buffer.alloc(32, 7));
const stamp = { id, ts: 1_763_800_000_000, cls: 'strict' } as const;

const ann: AuditContext = {
  tenant: 'group-1',
  actor: { type: 'person', id: 'person-ann-4711' },
  source: 'webui',
  correlation: '01932b6e-7a55-7cc3-98c4-dc0c0c073990',
  ip: '203.0.113.77',
  agent: 'Firefox of Ann',
};
const asked: AuditFields = {
  act: 'connection.set' as const,
  object: 'connection:shop#person-ann-4711#default',
  service: 'shop',
  request: { bytes: 12, method: 'tools/call', tool: 'find_orders' },
};

function attempt(context: AuditContext = ann, fields: AuditFields = asked): Entry {
  return JSON.parse(attemptText(stamp, context, fields)) as Entry;
}

/** Stands in for sealing. */
const sealed = (entry: Entry) => {
  const part = personPartOf(entry);
  return (
    part && { pc: hash('sha256', part.text, 'base64url'), pii: Buffer.from(part.text).toString('base64url') }
  );
};
const parted = (entry: Entry) => leafOf(entry, origin, keys, sealed(entry));

test.each([
  ['of a person', attempt()],
  ['of a client', attempt({ ...ann, actor: { type: 'client', id: 'c1' } })],
  [
    'of the gateway',
    attempt({
      tenant: '_system',
      actor: { type: 'system', id: 'job' },
      source: 'job',
      correlation: 'boot.1',
    }),
  ],
  ['that was cut', attempt(ann, { act: 'tool.call', object: 'x'.repeat(5000) })],
  [
    'of an outcome',
    JSON.parse(outcomeText(stamp, id, ann, { out: 'denied', code: 'no', ms: 3, bytes: 0 })) as Entry,
  ],
])('an entry %s comes back as it was recorded', (_, entry) => {
  const { leaf, body } = parted(entry);
  const person = readParts(leaf, body).sealedPerson;
  const opened = person && Buffer.from(person, 'base64url').toString();
  assert.deepEqual(entryOf(entry.tenant, leaf, body, opened), entry);
});

test('leaf and body are canonical JSON', () => {
  for (const text of Object.values(parted(attempt())).slice(0, 2) as string[])
    assert.equal(canonicalText(JSON.parse(text)), text);
});

test('a leaf says nothing about anybody, and the body names the person only under seal', () => {
  const { leaf, body } = parted(attempt());
  for (const personal of ['person-ann-4711', '203.0.113.77', 'Firefox of Ann', 'find_orders', 'group-1'])
    assert.ok(!leaf.includes(personal), personal);
  for (const personal of ['203.0.113.77', 'Firefox of Ann']) assert.ok(!body.includes(personal), personal);
  assert.equal((JSON.parse(body) as { actor: object }).actor.hasOwnProperty('id'), false);
});

test('a request that its caller named does not stand in the leaf', () => {
  const { leaf } = parted(attempt({ ...ann, correlation: 'order of ann@example.com' }));
  assert.ok(!leaf.includes('ann@example.com'));
});

test('what is sealed of a person never has the same text twice', () => {
  const texts = Array.from({ length: 400 }, () => personPartOf(attempt())!.text);
  assert.equal(new Set(texts).size, texts.length);
  for (const text of texts) assert.match((JSON.parse(text) as { salt: string }).salt, /^[\w-]{22}$/);
});

test('the leaf commits to the exact text of the body, under a salt that can be shown alone', () => {
  const { leaf, body, salt } = parted(attempt());
  const { c, kid } = JSON.parse(leaf) as { readonly c: string; readonly kid: string };
  assert.equal(c, createHmac('sha256', salt!).update(body).digest('base64url'));
  assert.equal(kid, keys.id);
  assert.equal(salt!.length, 16);
  assert.deepEqual(salt, keys.saltOf(id));
  assert.notDeepEqual(salt, keys.saltOf(id.replace('8f', '90')));
});

test('another tenant’s keys give other salts, tags and names', () => {
  const others = logKeys(Buffer.alloc(32, 8));
  assert.notEqual(others.id, keys.id);
  assert.notDeepEqual(others.saltOf(id), keys.saltOf(id));
  assert.notEqual(others.tag('obj', 'x'), keys.tag('obj', 'x'));
  assert.notEqual(others.searchTag('actor', 'x'), keys.searchTag('actor', 'x'));
  assert.notEqual(keys.searchTag('actor', 'x'), keys.searchTag('ip', 'x'));
  assert.notEqual(keys.tag('a', 'bc'), keys.tag('ab', 'c'));
});

test('the secret is wiped', () => {
  const secret = Buffer.alloc(32, 9);
  logKeys(secret);
  assert.deepEqual(secret, Buffer.alloc(32));
});

test('the longest entry has a leaf of 4 KiB at most', () => {
  const long = '\u0001'.repeat(2000);
  const entry = attempt(
    { ...ann, correlation: 'c'.repeat(128), tenant: 't'.repeat(512) },
    { act: 'a'.repeat(128) as Act, object: long, service: long, request: { tool: long, method: long } },
  );
  assert.ok(Buffer.byteLength(parted(entry).leaf) <= leafBytesMax);
});

test('without keys the leaf stands and says that much less', () => {
  const { leaf, body, salt } = leafOf(attempt(), origin, undefined, undefined);
  assert.deepEqual([body, salt], ['', undefined]);
  const clear = JSON.parse(leaf) as Record<string, unknown>;
  assert.equal(clear['c'], undefined);
  assert.deepEqual(clear['res'], { type: 'connection' });
  assert.equal(entryOf('group-1', leaf, '').act, 'connection.set');
});

test('of a person whose keys were destroyed nothing is left but that it was a person', () => {
  const { leaf, body } = leafOf(attempt(), origin, keys, null);
  assert.equal(readParts(leaf, body).sealedPerson, undefined);
  assert.deepEqual(entryOf('group-1', leaf, body).actor, { id: erasedId, type: 'person' });
});

test('damaged parts are refused', () => {
  assert.throws(() => entryOf('t', '{', ''), { code: 'open_failed' });
  assert.throws(() => entryOf('t', 'null', ''), { code: 'open_failed' });
  for (const body of ['7', '{"actor":null}', '{"src":null}', '{"res":null}'])
    assert.throws(() => entryOf('t', parted(attempt()).leaf, body), { code: 'open_failed' });
  for (const person of ['null', '"ann"x'])
    assert.throws(() => entryOf('t', parted(attempt()).leaf, '{}', person), { code: 'open_failed' });
  assert.throws(() => entryOf('t', parted(attempt()).leaf, '{"actor":'), { code: 'open_failed' });
});
