import { memoryTables, type Act, type Receipt } from '@sealgate/vault';
import { expect, test } from 'vitest';
import { memoryAudit } from './fixtures/memory-audit.ts';
import { placementOf, placementText } from './upstream-rules.ts';
import { partsOf } from './fixtures/upstream-parts.ts';
import { openUpstreams, upstreamObject } from './upstreams.ts';
import type { Upstream } from './upstream.ts';

const { audit } = memoryAudit();
const context = {
  tenant: 'g1',
  actor: { type: 'person', id: 'u1' },
  source: 'cli',
  correlation: 'c',
} as const;
const receipt = (act: Act, name: string, tenant = 'g1'): Promise<Receipt> =>
  audit.record('strict', context, { act, object: upstreamObject(tenant, name) });
const http = (name: string, url = 'http://127.0.0.1/mcp'): Upstream => ({
  kind: 'http',
  name,
  url,
  credential: undefined,
});
const stdio = (name: string, more: object = {}): Upstream => ({
  kind: 'stdio',
  name,
  command: 'node',
  args: [],
  env: {},
  cwd: undefined,
  credential: undefined,
  ...more,
});

test('an upstream is found by its own group alone, also after a restart', async () => {
  const tables = memoryTables({ now: Date.now });
  const upstreams = await openUpstreams(partsOf(tables, () => 5));
  await upstreams.add(await receipt('upstream.add', 'b'), 'g1', http('b'));
  await upstreams.add(
    await receipt('upstream.add', 'a'),
    'g1',
    stdio('a', { credential: { in: 'env', name: 'KEY' } }),
    'file',
  );
  for (const open of [upstreams, await openUpstreams(partsOf(tables, () => 6))]) {
    expect(
      open.list('g1').map(({ upstream, origin, addedAtMs }) => [upstream.name, origin, addedAtMs]),
    ).toEqual([
      ['a', 'file', 5],
      ['b', 'admin', 5],
    ]);
    expect(open.find('g1', 'b')).toEqual(http('b'));
    expect(open.find('g1', 'a')).toEqual(stdio('a', { credential: { in: 'env', name: 'KEY' } }));
    expect([open.find('g2', 'a'), open.find('g1', 'c'), open.list('g2')]).toEqual([undefined, undefined, []]);
  }
});

test('of two that add the same name one is told that it exists', async () => {
  const upstreams = await openUpstreams(partsOf(memoryTables({ now: Date.now }), Date.now));
  const adding = [http('x', 'http://one/'), http('x', 'http://two/')].map(async (one) =>
    upstreams.add(await receipt('upstream.add', 'x'), 'g1', one),
  );
  const settled = await Promise.allSettled(adding);
  expect(settled.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  expect(settled.find(({ status }) => status === 'rejected')).toMatchObject({
    reason: { code: 'upstream_exists' },
  });
});

test('nothing changes without its own entry in the journal', async () => {
  const upstreams = await openUpstreams(partsOf(memoryTables({ now: Date.now }), Date.now));
  const used = await receipt('upstream.add', 'x');
  await upstreams.add(used, 'g1', http('x'));
  const attacks = [
    upstreams.add(used, 'g1', http('x')),
    upstreams.add(await receipt('upstream.add', 'x', 'g2'), 'g1', http('x')),
    upstreams.add(await receipt('upstream.remove', 'y'), 'g1', http('y')),
    upstreams.remove(await receipt('upstream.add', 'x'), 'g1', 'x'),
    upstreams.remove({ entry: 'forged' } as unknown as Receipt, 'g1', 'x'),
  ];
  for (const attack of attacks) await expect(attack).rejects.toMatchObject({ code: 'receipt_invalid' });
  expect(upstreams.list('g1')).toHaveLength(1);
});

test('whoever listens hears of each change, and a removed upstream is gone', async () => {
  const upstreams = await openUpstreams(partsOf(memoryTables({ now: Date.now }), Date.now));
  const heard: string[] = [];
  const stop = upstreams.onChange((tenant, name) => heard.push(`${tenant}/${name}`));
  await upstreams.add(await receipt('upstream.add', 'x'), 'g1', http('x'));
  expect(await upstreams.remove(await receipt('upstream.remove', 'x'), 'g1', 'x')).toBe(true);
  expect(await upstreams.remove(await receipt('upstream.remove', 'x'), 'g1', 'x')).toBe(false);
  stop();
  await upstreams.add(await receipt('upstream.add', 'x'), 'g1', http('x'));
  expect(heard).toEqual(['g1/x', 'g1/x']);
});

test.each([
  [http('Bad Name'), /call it "bad-name"/],
  [http('x'.repeat(33)), /32 characters/],
  [http('x', 'ftp://host/'), /http/],
  [http('x', 'http://me:pw@host/'), /connections set x/],
  [http('x', 'http://host/?api_key=abcdef'), /connections set x/],
  [http('x', 'http://host/#part'), /fragment/],
  [http('x', 'http://169.254.169.254/mcp'), /never connected to/],
  [http('x', 'http://0xA9FEA9FE/mcp'), /never connected to/],
  [http('x', 'http://[fe80::1]/mcp'), /never connected to/],
  [http('x', 'not an address'), /not an address/],
  [{ ...http('x'), credential: { in: 'env', name: 'A' } } as Upstream, /environment/],
  [stdio('x', { command: ' ' }), /empty/],
  [stdio('x', { args: ['--token', 'abcdef'] }), /argument 2.*connections set x/],
  [stdio('x', { env: { API_KEY: 'abcdef' } }), /env API_KEY.*connections set x/],
  [stdio('x', { env: { 'A B': 'c' } }), /env name/],
  [stdio('x', { args: ['a\0b'] }), /NUL/],
  [stdio('x', { env: { KEY: '' }, credential: { in: 'env', name: 'KEY' } }), /leave it out/],
])('an upstream that must not be kept is refused: %o', async (upstream, why) => {
  const upstreams = await openUpstreams(partsOf(memoryTables({ now: Date.now }), Date.now));
  const error: unknown = await upstreams
    .add(await receipt('upstream.add', upstream.name), 'g1', upstream)
    .catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'upstream_invalid' });
  expect(String(error)).toMatch(why);
  expect(String(error)).not.toMatch(/abcdef|me:pw/);
});

test.each(['bearer', 'basic', 'header:x-api-key', 'query:key', 'env:TOKEN'])(
  'a place is written and read as %s',
  (text) => {
    expect(placementText(placementOf(text)!)).toBe(text);
  },
);

test('anything else is no place', () => {
  expect(['', 'digest', 'header:', 'cookie:a', 'env'].map(placementOf)).toEqual(Array(5).fill(undefined));
});

test('a row that was written or changed outside of the gateway runs nothing, and can be replaced', async () => {
  const tables = memoryTables({ now: Date.now });
  const before = await openUpstreams(partsOf(tables, Date.now));
  await before.add(await receipt('upstream.add', 'a'), 'g1', stdio('a'));
  await before.add(await receipt('upstream.add', 'b'), 'g1', stdio('b'));
  const row = (await tables.get('mcp_servers', { serverId: 'g1/a' }))!.item;
  const definition = { ...(row['definition'] as object), command: '/tmp/evil' };
  await tables.put('mcp_servers', { ...row, definition });
  const moved = { ...row, serverId: 'g1/c', name: 'c' };
  await tables.put('mcp_servers', moved);

  const foreign: string[] = [];
  const after = await openUpstreams(partsOf(tables, Date.now, (serverId) => foreign.push(serverId)));
  expect(foreign.toSorted()).toEqual(['g1/a', 'g1/c']);
  expect(after.list('g1').map(({ upstream }) => upstream.name)).toEqual(['b']);
  expect(after.find('g1', 'a')).toBeUndefined();
  await after.add(await receipt('upstream.add', 'a'), 'g1', http('a'));
  expect((await openUpstreams(partsOf(tables, Date.now, () => undefined))).find('g1', 'a')).toEqual(
    http('a'),
  );
});

test('what another process adds, changes and removes is followed, and told to whoever listens', async () => {
  const tables = memoryTables({ now: Date.now });
  const [one, two] = [
    await openUpstreams(partsOf(tables, Date.now)),
    await openUpstreams(partsOf(tables, Date.now)),
  ];
  const heard: string[] = [];
  two.onChange((tenant, name) => heard.push(`${tenant}/${name}`));
  await one.add(await receipt('upstream.add', 'a'), 'g1', http('a'));
  await one.add(await receipt('upstream.add', 'b'), 'g1', http('b'));
  await two.catchUp();
  expect(two.find('g1', 'a')).toEqual(http('a'));
  expect(heard.toSorted()).toEqual(['g1/a', 'g1/b']);
  await one.remove(await receipt('upstream.remove', 'a'), 'g1', 'a');
  await one.add(await receipt('upstream.add', 'a'), 'g1', http('a', 'http://elsewhere/'));
  await one.remove(await receipt('upstream.remove', 'b'), 'g1', 'b');
  await two.catchUp();
  expect([two.find('g1', 'a'), two.find('g1', 'b')]).toEqual([http('a', 'http://elsewhere/'), undefined]);
  expect(heard.toSorted()).toEqual(['g1/a', 'g1/a', 'g1/b', 'g1/b']);
  await two.catchUp();
  expect(heard).toHaveLength(4);
});

test('of two processes that add the same name at once one is told that it exists, and both end with the same', async () => {
  const tables = memoryTables({ now: Date.now });
  const open = [
    await openUpstreams(partsOf(tables, Date.now)),
    await openUpstreams(partsOf(tables, Date.now)),
  ];
  const adding = open.map(async (upstreams, at) =>
    upstreams.add(await receipt('upstream.add', 'x'), 'g1', http('x', `http://host-${at}/`)),
  );
  const ended = await Promise.allSettled(adding);
  expect(ended.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  await Promise.all(open.map((upstreams) => upstreams.catchUp()));
  expect(open[0]?.find('g1', 'x')).toEqual(open[1]?.find('g1', 'x'));
});

test('a row that is changed outside while the gateway runs is left out, and said once', async () => {
  const tables = memoryTables({ now: Date.now });
  const foreign: string[] = [];
  const upstreams = await openUpstreams(partsOf(tables, Date.now, (serverId) => foreign.push(serverId)));
  await upstreams.add(await receipt('upstream.add', 'a'), 'g1', stdio('a'));
  const row = (await tables.get('mcp_servers', { serverId: 'g1/a' }))!.item;
  await tables.put('mcp_servers', { ...row, addedAtMs: 1 });
  for (const head of ['1', '2']) {
    await tables.put('deployment', { name: 'upstreams', head });
    await upstreams.catchUp();
  }
  expect([upstreams.find('g1', 'a'), foreign]).toEqual([undefined, ['g1/a']]);
});
