import assert from 'node:assert/strict';
import type { Query, Tables, Value } from '../tables.ts';
import { onTables, refused, type TablesCase } from './tables-case.ts';

// These break the types on purpose: the rules also hold for callers that TypeScript does not see.

const cyclic: { self?: unknown } = {};
cyclic.self = cyclic;
let deep: Value = 1;
for (let level = 0; level < 40; level += 1) deep = [deep];
const holes: unknown[] = [];
holes[2] = 'x';

const badValues: readonly (readonly [name: string, value: unknown])[] = [
  ['undefined', undefined],
  ['undefined in a map', { a: undefined }],
  ['undefined in a list', [undefined]],
  ['a hole in a list', holes],
  ['a list with a name', Object.assign([1], { extra: 1 })],
  ['NaN', NaN],
  ['infinity', -Infinity],
  ['an unsafe integer', 2 ** 53],
  ['a huge number', 1e300],
  ['a number below what DynamoDB keeps', 1e-140],
  ['a bigint', 1n],
  ['a symbol', Symbol('x')],
  ['a symbol as name', { [Symbol('x')]: 1 }],
  ['a function', () => 1],
  ['a lone surrogate', 'a\ud800'],
  ['a lone surrogate in a name', { 'a\udc00': 1 }],
  ['an empty name', { '': 1 }],
  ['a prototype as name', JSON.parse('{"__proto__":1}')],
  ['a date', new Date(0)],
  ['bytes', new Uint8Array(3)],
  ['a buffer', Buffer.from('x')],
  ['a map', new Map([['a', 1]])],
  ['a boxed string', Object('x')],
  ['an object of a class', Object.create({ inherited: 1 })],
  ['an object with toJSON', { toJSON: () => 'other' }],
  ['a circle', cyclic],
  ['40 levels', deep],
  ['391 KB', 'x'.repeat(391 * 1024)],
  ['391 KB of two-byte text', 'é'.repeat(196 * 1024)],
  ['391 KB in pieces', Array.from({ length: 100_000 }, () => 'x')],
];

const badItems: readonly (readonly [name: string, table: string, item: unknown])[] = [
  ['no key', 'users', { email: 'a' }],
  ['an empty key', 'users', { userId: '' }],
  ['a number as key', 'users', { userId: 5 }],
  ['a lone surrogate as key', 'users', { userId: '\udc00' }],
  ['2049 bytes of key', 'users', { userId: 'x'.repeat(2049) }],
  ['no sort key', 'memberships', { groupId: 'g' }],
  ['1025 bytes of sort key', 'memberships', { groupId: 'g', userId: 'x'.repeat(1025) }],
  ['an empty index attribute', 'users', { userId: 'u', email: '' }],
  ['a null index attribute', 'users', { userId: 'u', email: null }],
  ['a number as text index attribute', 'users', { userId: 'u', email: 5 }],
  ['text as number index attribute', 'scheduled_jobs', { jobId: 'j', runAt: '5' }],
  ['2049 bytes of index partition', 'users', { userId: 'u', email: 'x'.repeat(2049) }],
  [
    '1025 bytes of index sort',
    'oauth_tokens',
    { userId: 'u', providerKey: 'p', accountEmail: 'x'.repeat(1025) },
  ],
  ['text as ttl', 'sessions', { sessionId: 's', ttl: '5' }],
  ['a fraction as ttl', 'sessions', { sessionId: 's', ttl: 1.5 }],
  ['the attribute of the revision', 'users', { userId: 'u', 'sealgate:rev': 'x' }],
  ['an unknown table', 'toString', { toString: 'x' }],
  ['no object', 'users', null],
];

const badQueries: readonly (readonly [name: string, table: string, query: Record<string, unknown>])[] = [
  ['an unknown table', 'nope', { partition: 'x' }],
  ['an unknown index', 'users', { index: 'constructor', partition: 'x' }],
  ['an index of another table', 'users', { index: 'url-index', partition: 'x' }],
  ['an empty partition', 'users', { partition: '' }],
  ['limit 0', 'users', { partition: 'x', limit: 0 }],
  ['limit 1001', 'users', { partition: 'x', limit: 1001 }],
  ['limit 1.5', 'users', { partition: 'x', limit: 1.5 }],
  ['a range without a sort key', 'users', { partition: 'x', range: { after: 'a' } }],
  ['a number range over text', 'memberships', { partition: 'x', range: { after: 5 } }],
  ['an empty prefix', 'memberships', { partition: 'x', range: { beginsWith: '' } }],
  [
    'a range that ends before it begins',
    'memberships',
    { partition: 'x', range: { between: ['😀', '\uffee'] } },
  ],
  ['two ranges', 'memberships', { partition: 'x', range: { after: 'a', before: 'b' } }],
  ['a range of no kind', 'memberships', { partition: 'x', range: { like: '%' } }],
  [
    'a text range over numbers',
    'scheduled_jobs',
    { index: 'typeStatus-runAt-index', partition: 'x', range: { after: '5' } },
  ],
  [
    'a prefix of numbers',
    'scheduled_jobs',
    { index: 'typeStatus-runAt-index', partition: 'x', range: { beginsWith: '5' } },
  ],
  ['contains nothing', 'users', { partition: 'x', contains: { attribute: 'a', text: '' } }],
];

type Loose = {
  put(table: string, item: unknown, guard?: unknown): Promise<unknown>;
  get(table: string, key: unknown): Promise<unknown>;
  query(table: string, query: Partial<Query<'users'>>): Promise<unknown>;
} & Pick<Tables, 'scan'>;

/** What breaks a rule is refused before any store sees it, and nothing is written. */
export const ruleCases: readonly TablesCase[] = [
  ...badValues.map(([name, value]) =>
    onTables(`an item with ${name} is refused`, async ({ tables }) => {
      await refused('item_invalid', () => (tables as Loose).put('mcp_servers', { serverId: 's', value }));
      assert.equal(await tables.get('mcp_servers', { serverId: 's' }), undefined);
    }),
  ),
  ...badItems.map(([name, table, item]) =>
    onTables(`${table}: ${name} is refused`, async ({ tables }) => {
      await refused('item_invalid', () => (tables as Loose).put(table, item));
    }),
  ),
  ...badQueries.map(([name, table, query]) =>
    onTables(`a query with ${name} is refused`, async ({ tables }) => {
      await refused('item_invalid', () => (tables as Loose).query(table, { limit: 10, ...query }));
    }),
  ),
  onTables('keys, guards and scans outside the rules are refused', async ({ tables }) => {
    const loose = tables as Loose;
    await refused('item_invalid', () => loose.get('users', {}));
    await refused('item_invalid', () => loose.get('users', { userId: ['u'] }));
    await refused('item_invalid', () => loose.put('users', { userId: 'u' }, {}));
    await refused('item_invalid', () => loose.put('users', { userId: 'u' }, { ifRevision: 5 }));
    await refused('item_invalid', () => tables.scan('users', { limit: 0 }));
    assert.equal(await tables.get('users', { userId: 'u' }), undefined);
  }),
  onTables('an item of 389 KB is kept', async ({ tables }) => {
    const text = 'x'.repeat(389 * 1024);
    await tables.put('users', { userId: 'u', text });
    assert.equal((await tables.get('users', { userId: 'u' }))?.item['text'], text);
  }),
];
