import assert from 'node:assert/strict';
import { test } from 'vitest';
import type { Entry } from './entry.ts';
import { entryMatcher, filterText } from './filter.ts';
import { logKeys } from './leaf/log-keys.ts';
import { redactionOf } from './leaf/redaction.ts';
import { paramMatch } from './param-match.ts';

const { tag } = logKeys(Buffer.alloc(32, 7));
const others = logKeys(Buffer.alloc(32, 8)).tag;
const redact = redactionOf({ version: 1, fields: { state: 'clear', page: 'clear' } });
const params = { q: 'shoes', n: 12, on: true, none: null, ids: ['a1', 'b2'], 'ann@example.com': 1 };
const nested = { ...params, state: 'open', page: 3, deep: [{ mail: 'ann@example.com' }] };
const entry = {
  v: 1,
  id: 'e',
  ts: 1,
  cls: 'strict',
  tenant: 't',
  corr: 'c',
  req: { params: JSON.parse(redact(nested, tag)!) as unknown },
} as const satisfies Entry;
const finds = (name: string, value: string, by = tag) =>
  entryMatcher({ params: [paramMatch(name, value, by)] })(entry);

test.each([
  ['q', 'shoes'],
  ['n', '12'],
  ['on', 'true'],
  ['none', 'null'],
  ['ids', 'b2'],
  ['mail', 'ann@example.com'],
  ['ann@example.com', '1'],
  ['state', 'open'],
  ['page', '3'],
])('%s=%s is found', (name, value) => assert.equal(finds(name, value), true));

test.each([
  ['q', 'shoe'],
  ['n', '12.0001'],
  ['n', '0x0c'],
  ['other', 'shoes'],
  ['ids', 'a1,b2'],
  ['state', 'ope'],
])('%s=%s is not', (name, value) => assert.equal(finds(name, value), false));

test("another tenant's key finds what is in clear and nothing else", () => {
  assert.equal(finds('q', 'shoes', others), false);
  assert.equal(finds('state', 'open', others), true);
  assert.equal(entryMatcher({ params: [paramMatch('q', 'shoes', undefined)] })(entry), false);
});

test('each that is asked for must be there', () => {
  const both = (second: string) => [paramMatch('q', 'shoes', tag), paramMatch('n', second, tag)];
  assert.equal(entryMatcher({ params: both('12') })(entry), true);
  assert.equal(entryMatcher({ params: both('13') })(entry), false);
  assert.notEqual(filterText({ params: both('12') }), filterText({ params: both('13') }));
});

test('entries without parameters have none', () => {
  const { req: _, ...bare } = entry;
  assert.equal(entryMatcher({ params: [paramMatch('q', 'shoes', tag)] })(bare), false);
});

test('a flag is asked for by its name', () => {
  assert.equal(entryMatcher({ flag: 'hours' })({ ...entry, flags: ['hours'] }), true);
  for (const flags of [undefined, []] as const)
    assert.equal(entryMatcher({ flag: 'hours' })({ ...entry, ...(flags && { flags }) }), false);
});
