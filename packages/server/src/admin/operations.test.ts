import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import {
  journalCalls,
  envKey,
  openSealer,
  memoryTables,
  objectOf,
  openConnections,
  openHolds,
  Refusal,
  sealedTables,
  type Entry,
} from '@sealgate/vault';
import { oneKeySealer } from '@sealgate/vault/testing';
import { beforeEach, describe, expect, test } from 'vitest';
import { memoryAudit, type MemoryAudit } from '../domain/fixtures/memory-audit.ts';
import { openAuditors } from '../domain/auditors.ts';
import { partsOf } from '../domain/fixtures/upstream-parts.ts';
import type { Upstream } from '../domain/upstream.ts';
import { openAuditZones } from '../domain/audit-zones.ts';
import { openUpstreams, type Upstreams } from '../domain/upstreams.ts';
import { adoptFile } from './adopt-file.ts';
import { runDoctor, type DoctorParts } from './doctor.ts';
import { openKeyWorks } from './key-works.ts';
import { openOperations, type AdminParts, type Operations } from './operations.ts';
import { reachAddress } from './reach.ts';

const me = { tenant: 'g1', subject: 'u1' };
const secret = 'hunter2-hunter2';
let paper: MemoryAudit;
let upstreams: Upstreams;
let operations: Operations;
let parts: AdminParts;

const noClients = {
  list: async () => [],
  add: async () => ({ id: 'c1', secret: undefined }),
  remove: async (id: string) => id === 'c1',
  invite: async () => 'a-token',
};
const noRoots = {
  create: () => Promise.reject(new Refusal('config_invalid', 'no KMS')),
  place: () => Promise.reject(new Refusal('config_invalid', 'no KMS')),
  look: async () => undefined,
};
const nothingShredded = {
  look: () => Promise.reject(new Error('not here')),
  shred: () => Promise.reject(new Error('not here')),
  receiptOf: async () => undefined,
  signingKey: async () => '',
};
const noLog = {
  former: () => Promise.reject(new Error('not here')),
  catchUp: async () => undefined,
  log: () => Promise.reject(new Error('not here')),
};
beforeEach(async () => {
  paper = memoryAudit();
  const tables = memoryTables({ now: Date.now });
  const auditZones = await openAuditZones({
    tables,
    fallback: 'UTC',
    mark: (text) => text,
    foreign: () => undefined,
    failed: () => undefined,
  });
  auditZones.close();
  upstreams = await openUpstreams(partsOf(tables, Date.now));
  const page = async () => ({
    entries: paper.lines as readonly Entry[],
    cursor: undefined,
    reached: { entry: paper.lines.length, of: paper.lines.length },
  });
  const verify = async () =>
    ({
      state: 'intact',
      batches: 1,
      entries: paper.lines.length,
      trimmed: 0,
      end: { batch: 1, digest: '' },
    }) as const;
  const status = {
    version: '1',
    pid: 1,
    origin: undefined,
    startedAtMs: 0,
    upstreams: 0,
    children: 0,
    sessions: 0,
  };
  parts = {
    audit: paper.audit,
    auditLog: noLog,
    auditors: openAuditors({ tables, sealer: oneKeySealer(), now: Date.now }),
    checkUses: async () => ({ uses: 0, lacking: [] }),
    auditArchive: { archived: () => Promise.reject(new Error('not here')) },
    auditAnchors: { standing: () => ({ everySeconds: 3600, places: [] }), notes: async () => [] },
    holds: openHolds({ tables, sealer: oneKeySealer(), now: Date.now }),
    auditZones,
    tagsOf: async () => undefined,
    zoneOf: auditZones.zoneOf,
    upstreams,
    connections: openConnections(sealedTables(tables, oneKeySealer()), Date.now),
    clients: noClients,
    keys: (await openSealer({ tables, provider: envKey(randomBytes(32).toString('hex')), now: Date.now }))
      .administration,
    keyWorks: openKeyWorks(),
    freshRoot: async () => undefined,
    several: false,
    tenantRoots: noRoots,
    shredding: nothingShredded,
    signInLink: async () => undefined,
    journal: { page, verify },
    calls: journalCalls({ page }),
    now: Date.now,
    doctor: async () => [],
    status: () => status,
  };
  operations = openOperations(parts, me);
});

const http = {
  kind: 'http',
  name: 'docs',
  url: 'https://docs.example/mcp',
  credential: { in: 'header', name: 'x-api-key', scheme: 'plain' },
} as const;
const acts = () => paper.lines.filter(({ act }) => act !== undefined).map(({ act, obj }) => [act, obj]);
const outcomes = () =>
  paper.lines.filter(({ cause }) => cause !== undefined).map(({ out, code }) => [out, code]);

describe('upstreams', () => {
  test('are added, listed and removed, each change with its entry', async () => {
    expect(await operations.call('upstreams.add', { upstream: http })).toEqual({
      name: 'docs',
      path: '/mcp/docs',
    });
    const line = {
      name: 'docs',
      kind: 'http',
      target: http.url,
      credential: 'header:x-api-key',
      connected: false,
      origin: 'admin',
    };
    expect(await operations.call('upstreams.list', {})).toEqual([line]);
    expect(await operations.call('upstreams.remove', { name: 'docs' })).toEqual({
      name: 'docs',
      removed: true,
      connections: 0,
    });
    expect(await operations.call('upstreams.list', {})).toEqual([]);
    expect(acts()).toEqual([
      ['upstream.add', 'upstream:g1/docs'],
      ['upstream.remove', 'upstream:g1/docs'],
    ]);
    expect(outcomes()).toEqual([
      ['success', undefined],
      ['success', undefined],
    ]);
  });

  test('take their credentials with them when they go', async () => {
    await operations.call('upstreams.add', { upstream: http });
    await operations.call('connections.set', { upstream: 'docs', secret });
    await operations.call('connections.set', { upstream: 'docs', secret, group: true });
    expect(await operations.call('upstreams.remove', { name: 'docs' })).toEqual({
      name: 'docs',
      removed: true,
      connections: 2,
    });
    expect(await operations.call('connections.list', {})).toEqual([]);
  });

  test.each([
    ['upstreams.add', { upstream: { ...http, name: 'No Name' } }, 'upstream_invalid'],
    [
      'upstreams.add',
      { upstream: { ...http, url: `https://me:${secret}@docs.example/` } },
      'upstream_invalid',
    ],
    ['upstreams.add', { upstream: { ...http, secret } }, 'usage'],
    ['upstreams.add', secret, 'usage'],
    ['upstreams.remove', { name: 'none' }, 'upstream_unknown'],
    ['upstreams.__proto__', {}, 'not_found'],
    ['toString', {}, 'not_found'],
    ['connections.set', { upstream: 'none', secret }, 'upstream_unknown'],
    ['connections.remove', { upstream: 'none' }, 'not_found'],
  ])('%s of %j is refused', async (name, input, code) => {
    const error: unknown = await operations.call(name, input).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code });
    expect(String(error) + JSON.stringify([error, paper.lines])).not.toContain(secret);
  });
});

describe('connections', () => {
  test('are set where the upstream says, or where it is said, and never shown', async () => {
    await operations.call('upstreams.add', { upstream: http });
    const set = await operations.call('connections.set', { upstream: 'docs', secret });
    expect(set).toMatchObject({
      upstream: 'docs',
      name: 'default',
      owner: 'own',
      placement: 'header:x-api-key',
      origin: 'https://docs.example',
    });
    await operations.call('connections.set', {
      upstream: 'docs',
      group: true,
      placement: { in: 'query', name: 'key' },
      secret,
    });
    const listed = (await operations.call('connections.list', {})) as { owner: string; placement: string }[];
    expect(new Set(listed.map(({ owner, placement }) => `${owner} ${placement}`))).toEqual(
      new Set(['group query:key', 'own header:x-api-key']),
    );
    expect(await operations.call('upstreams.list', {})).toMatchObject([{ connected: true }]);
    expect(JSON.stringify([set, listed, paper.lines])).not.toContain(secret);
    const id = parts.connections.idOf('docs', 'u1', 'default');
    expect(acts()).toContainEqual(['connection.set', objectOf('g1', id)]);
    expect(await operations.call('connections.remove', { upstream: 'docs' })).toMatchObject({
      removed: true,
    });
  });

  test('are refused where they cannot go', async () => {
    await operations.call('upstreams.add', {
      upstream: { kind: 'stdio', name: 'child', command: 'x', args: [], env: {} },
    });
    await operations.call('upstreams.add', { upstream: { kind: 'http', name: 'open', url: 'http://a/' } });
    const set = (upstream: string, placement?: object) =>
      operations.call('connections.set', {
        upstream,
        secret,
        ...(placement === undefined ? {} : { placement }),
      });
    await expect(set('open')).rejects.toThrow(/--in header or --in query/);
    await expect(set('child')).rejects.toThrow(/--in env --as NAME/);
    await expect(set('child', { in: 'header' })).rejects.toThrow(/environment/);
    await expect(set('open', { in: 'env', name: 'A' })).rejects.toThrow(/header or a query/);
    await expect(set('child', { in: 'env', name: 'LD_PRELOAD' })).rejects.toMatchObject({
      code: 'credential_invalid',
    });
    expect(outcomes().at(-1)).toEqual(['failure', 'credential_invalid']);
  });
});

test('without an entry in the journal nothing changes', async () => {
  await operations.call('upstreams.add', { upstream: http });
  paper.fail();
  for (const [name, input] of [
    ['upstreams.add', { upstream: { ...http, name: 'other' } }],
    ['upstreams.remove', { name: 'docs' }],
    ['connections.set', { upstream: 'docs', secret }],
  ] as const)
    await expect(operations.call(name, input)).rejects.toMatchObject({ code: 'audit_unavailable' });
  expect(upstreams.list('g1').map(({ upstream }) => upstream.name)).toEqual(['docs']);
  expect(await parts.connections.list('g1')).toEqual([]);
});

test('the upstreams of the servers file follow it, those added by hand stay', async () => {
  const context = {
    tenant: 'g1',
    actor: { type: 'system', id: 'start' },
    source: 'system',
    correlation: 'c',
  } as const;
  const follow = (wanted: readonly Upstream[]) =>
    adoptFile({ audit: paper.audit, upstreams }, { context, subject: 'u1' }, wanted);
  const one = (name: string, url = 'http://a/'): Upstream => ({
    kind: 'http',
    name,
    url,
    credential: undefined,
  });
  await operations.call('upstreams.add', { upstream: { kind: 'http', name: 'mine', url: 'http://mine/' } });
  expect(await follow([one('a'), one('b'), one('mine')])).toEqual({
    added: ['a', 'b'],
    changed: [],
    removed: [],
    shadowed: ['mine'],
  });
  expect(await follow([one('a'), one('b')])).toEqual({ added: [], changed: [], removed: [], shadowed: [] });
  expect(await follow([one('a', 'http://new/'), one('c')])).toEqual({
    added: ['c'],
    changed: ['a'],
    removed: ['b'],
    shadowed: [],
  });
  expect(
    upstreams.list('g1').map(({ upstream }) => [upstream.name, upstream.kind === 'http' && upstream.url]),
  ).toEqual([
    ['a', 'http://new/'],
    ['c', 'http://a/'],
    ['mine', 'http://mine/'],
  ]);
});

describe('doctor', () => {
  const well = (): DoctorParts => ({
    nodeVersion: '26.9.0',
    dataDirectory: '/nowhere/at/all',
    files: ['main.db'],
    keys: async () => ({ provider: 'keyring', roots: 1 }),
    database: async () => ({ message: 'quick_check: ok', advice: undefined }),
    instances: async () => 'this one alone',
    verifyJournal: parts.journal.verify,
    newestEntryMs: async () => Date.now(),
    plantedSwaps: async () => [{ name: 'swapped', refused: true }],
    upstreams: () => [http],
    reach: async () => undefined,
    warnings: [],
    now: Date.now,
  });
  const states = async (changed: Partial<DoctorParts>) =>
    Object.fromEntries(
      (await runDoctor({ ...well(), ...changed })).map(({ check, state }) => [check, state]),
    );

  test('finds nothing when all is well', async () => {
    expect(new Set(Object.values(await states({})))).toEqual(new Set(['ok']));
  });

  test.each([
    ['node', 'fail', { nodeVersion: '24.6.9' }],
    ['configuration', 'warn', { warnings: ['x'] }],
    ['data directory', 'fail', { dataDirectory: '/tmp' }],
    ['keys', 'fail', { keys: () => Promise.reject(new Error('gone')) }],
    ['seal', 'fail', { plantedSwaps: async () => [{ name: 'swapped', refused: false }] }],
    [
      'database',
      'fail',
      { database: async () => ({ message: 'row 3 missing', advice: 'restore a backup' }) },
    ],
    ['instances', 'fail', { instances: () => Promise.reject(new Error('down')) }],
    ['clock', 'warn', { newestEntryMs: async () => Date.now() + 60_000 }],
    ['clock', 'fail', { now: () => 0 }],
    ['journal', 'fail', { verifyJournal: async () => ({ state: 'broken', at: 3, reason: 'digest' }) }],
    ['upstreams', 'warn', { upstreams: () => [] }],
    ['upstream docs', 'fail', { reach: () => Promise.reject(new Error('down')) }],
  ] as [string, string, Partial<DoctorParts>][])('%s: %s', async (check, state, changed) => {
    expect((await states(changed))[check]).toBe(state);
  });

  test('knows whether an address answers', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    const upstream = { ...http, url: `http://127.0.0.1:${port}/mcp` };
    await reachAddress(upstream, 1000);
    await new Promise((resolve) => server.close(resolve));
    await expect(reachAddress(upstream, 1000)).rejects.toThrow(/ECONNREFUSED/);
  });
});

describe('clients', () => {
  test('are added and removed with an entry each, and an unknown one is said to be unknown', async () => {
    const client = { name: 'Shop', redirectUris: ['https://shop.example/callback'] };
    expect(await operations.call('clients.add', client)).toEqual({ id: 'c1', secret: undefined });
    expect(await operations.call('clients.remove', { id: 'c1' })).toEqual({ id: 'c1', removed: true });
    expect(acts().slice(-2)).toEqual([
      ['client.add', 'client:new'],
      ['client.remove', 'client:c1'],
    ]);
    await expect(operations.call('clients.remove', { id: 'c2' })).rejects.toMatchObject({
      code: 'client_unknown',
    });
  });

  test('a link to sign in is given only where somebody answers to it', async () => {
    await expect(operations.call('sign-in.link', {})).rejects.toMatchObject({ code: 'gateway_unreachable' });
  });
});

describe('the clock of a group', () => {
  test('is shown, set with an entry, and taken back', async () => {
    expect(await operations.call('tenants.zone', {})).toEqual({ tenant: me.tenant, zone: 'UTC' });
    const berlin = { tenant: 'g2', zone: 'Europe/Berlin' };
    expect(await operations.call('tenants.zone', berlin)).toEqual(berlin);
    expect(parts.zoneOf('g2')).toBe('Europe/Berlin');
    expect(await operations.call('tenants.zone', {})).toEqual({ tenant: me.tenant, zone: 'UTC' });
    expect(await operations.call('tenants.zone', { tenant: 'g2', zone: null })).toMatchObject({
      zone: 'UTC',
    });
    expect(acts()).toEqual([
      ['tenant.set', 'tenant:g2'],
      ['tenant.set', 'tenant:g2'],
    ]);
  });

  test('is one that there is', async () => {
    await expect(operations.call('tenants.zone', { zone: 'Europe/Nowhere' })).rejects.toMatchObject({
      code: 'request_invalid',
    });
    expect(acts()).toEqual([]);
  });
});
