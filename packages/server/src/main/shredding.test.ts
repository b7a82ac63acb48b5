import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { objectOf, sealedTables, verifyReceipt, type SignedReceipt } from '@sealgate/vault';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { recorded, type Operator } from '../admin/recorded.ts';
import { grantIdFor } from '../auth/as/grants.ts';
import { tablesShelf } from '../auth/as/shelf.ts';
import { createGroup } from '../domain/groups.ts';
import { openInvitations } from '../domain/invitations.ts';
import { openOauthTokens } from '../domain/oauth-tokens.ts';
import type { Person } from '../domain/people.ts';
import { openSessionRecords } from '../gateway/front/session-record.ts';
import { initConfig, openLog, openSealgate } from '../main.ts';
import { shreddedStores, type ShreddedStore } from './fixtures/shredded-stores.ts';
import type { Sealgate } from './sealgate.ts';

// Two people in one group, with everything that the gateway keeps for them, on a real data directory and on the stores that
// several gateways share.

const quiet = openLog('error', { write: () => undefined });
const now = Date.now;
let dataDir: string;
let store: ShreddedStore;
let env: Readonly<Record<string, string>>;
let sealgate: Sealgate;
let ann: Person;
let bob: Person;
let group: string;

async function setUp(on: ShreddedStore): Promise<void> {
  store = on;
  env = await on.env();
  // The AWS SDK looks for its credentials by itself.
  for (const [name, value] of Object.entries(env)) if (name.startsWith('AWS_')) vi.stubEnv(name, value);
  dataDir = mkdtempSync(join(tmpdir(), 'shredding-'));
  sealgate = await open();
  const { people, tables } = sealgate.ground;
  ann = await people.ensureByEmail('ann@example.com');
  bob = await people.ensureByEmail('bob@example.com');
  const draft = { name: 'Crew', owner: bob.subject, seatsMax: 3 };
  group = (await createGroup(tables, draft, now)).id;
  await letIn(ann.subject);
}
afterEach(async () => {
  await sealgate.close();
  vi.unstubAllEnvs();
  rmSync(dataDir, { recursive: true });
});

function open(): Promise<Sealgate> {
  const AUTH_SECRET = randomBytes(48).toString('base64url');
  const all = { DATA_DIR: dataDir, PORT: '0', NODE_ENV: 'production', AUTH_SECRET, ...env };
  return openSealgate(initConfig({ env: all, cwd: dataDir }), quiet);
}

async function letIn(userId: string): Promise<void> {
  const { tables } = sealgate.ground;
  const found = await tables.get('groups', { groupId: group });
  await tables.put('groups', { ...found!.item, seatsTaken: 2 });
  await tables.put('memberships', { groupId: group, userId, role: 'member', createdAtMs: 1 });
}

function operator(): Operator {
  const { tenant, subject } = sealgate.ground.administrator;
  const actor = { type: 'person', id: subject } as const;
  return { context: { tenant, actor, source: 'cli', correlation: 'r1' }, subject };
}

async function connect(tenant: string, subject: string): Promise<void> {
  const { connections, audit } = sealgate.ground;
  const object = objectOf(tenant, connections.idOf('docs', subject, 'default'));
  await recorded(audit, operator(), { act: 'connection.set', object, service: 'docs' }, (receipt) =>
    connections.set(
      receipt,
      {
        tenant,
        subject,
        upstream: 'docs',
        name: 'default',
        placement: { in: 'header', name: 'x-key', scheme: 'plain' },
        origin: 'https://docs.example',
      },
      Buffer.from('sk-live-4242'),
    ),
  );
}

function grants() {
  const { tables, sealer } = sealgate.ground;
  return tablesShelf(sealedTables(tables, sealer), sealer, now);
}

interface Kept {
  readonly cookie: string;
  readonly link: string;
  readonly grant: string;
  readonly session: string;
  readonly person: Person;
}

/** Whatever somebody leaves behind: credentials, grants, sessions, a link on its way. */
async function live(person: Person, upstreamTenants: readonly string[]): Promise<Kept> {
  const { ground, signIn } = sealgate;
  const { subject } = person;
  for (const tenant of upstreamTenants) await connect(tenant, subject);
  const parts = { tables: sealedTables(ground.tables, ground.sealer), sealer: ground.sealer, now };
  const account = { provider: 'google', accountEmail: person.email, connectionId: 'c1' };
  const tokens = { accessToken: Buffer.from('at'), refreshToken: Buffer.from('rt'), scopes: [] };
  await openOauthTokens(parts).save({ ...account, ...tokens, userId: subject, groupId: group });
  const { setCookie } = await signIn!.sessions.begin(subject, { ip: undefined, agent: undefined });
  const link = new URL(await signIn!.links.linkFor(subject)).searchParams.get('token')!;
  const grant = grantIdFor(group);
  await grants().put(
    `Grant:${grant}`,
    { jti: grant, accountId: subject, clientId: 'c' },
    { endsAtMs: undefined, owners: [`account:${subject}`, `grant:${grant}`] },
  );
  const session = `s-${subject}`;
  await openSessionRecords(ground.records, ground.sealer).save(
    session,
    {
      principal: { tenant: group, subject, client: 'c', address: '/mcp' },
      upstream: 'docs',
      version: '2025-06-18',
      capabilities: {},
      clientInfo: {},
      initialize: {},
      level: undefined,
      subscriptions: [],
      owner: 'o',
      generation: 1,
      holder: 'h',
      resumption: undefined,
      heard: {},
      told: undefined,
    },
    now() + 60_000,
  );
  return { cookie: setCookie.split(';')[0]!, link, grant, session, person };
}

/** What of it is still there. */
async function left({ cookie, link, grant, session, person }: Kept): Promise<string[]> {
  const { ground, signIn } = sealgate;
  const { subject, email = '' } = person;
  const there = {
    account: await ground.people.find(subject),
    address: await ground.people.findByEmail(email),
    groups: (await ground.people.groupsOf(subject))[0],
    member: (await ground.people.isMember(subject, group)) || undefined,
    personal: await ground.people.groupNamed(person.tenant),
    signedIn: await signIn!.sessions.read(cookie),
    link: await signIn!.links.look(link),
    grant: await grants().get(`Grant:${grant}`),
    session: await openSessionRecords(ground.records, ground.sealer)
      .load({ tenant: group, subject }, session)
      .catch(() => undefined),
    connection: (await ground.tables.scan('connections', { limit: 1000 })).items.find(
      ({ item }) => item['subject'] === subject,
    ),
    token: (await ground.tables.scan('oauth_tokens', { limit: 1000 })).items.find(
      ({ item }) => item.userId === subject,
    ),
  };
  return Object.entries(there).flatMap(([name, found]) => (found === undefined ? [] : [name]));
}

const everything =
  'account address groups member personal signedIn link grant session connection token'.split(' ');

/** Sealed text and wrapped keys in the rows that are meant. */
async function takeSecrets(meant: (item: object) => boolean): Promise<string[]> {
  const found: string[] = [];
  const { tables } = sealgate.ground;
  for (const table of [
    'tenant_keys',
    'data_keys',
    'connections',
    'oauth_tokens',
    'users',
    'invitations',
  ] as const)
    for (const { item } of (await tables.scan(table, { limit: 1000 })).items) {
      if (!meant(item)) continue;
      const sealed = [item['wrapped'], item['credential'], item['accessToken'], item['refreshToken']];
      const more = [item['account'], item['profile']];
      found.push(...[...sealed, ...more].filter((each) => typeof each === 'string'));
    }
  return found;
}

function lying(texts: readonly string[]): Promise<string[]> {
  return store.find(texts, { dataDir, tables: sealgate.ground.tables });
}

const shred = (asked: object): Promise<SignedReceipt> =>
  sealgate.operations.call('keys.shred', asked) as Promise<SignedReceipt>;

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'done',
    (error: { code: string }) => error.code,
  );
}

describe.each(await shreddedStores())('on %s', (_, on) => {
  beforeEach(() => setUp(on));

  describe('a person who is shredded', () => {
    test('is gone with everything, and nobody else misses anything', async () => {
      const hers = await live(ann, [group, ann.tenant]);
      const his = await live(bob, [group, bob.tenant]);
      expect(await left(hers)).toEqual(everything);
      const mine = (item: object): boolean =>
        JSON.stringify(item).includes(ann.subject) || JSON.stringify(item).includes(ann.tenant);
      const [gone, stays] = [await takeSecrets(mine), await takeSecrets((item) => !mine(item))];
      expect(gone.length).toBeGreaterThan(8);
      expect(await lying(gone)).toHaveLength(gone.length);

      const signed = await shred({ person: 'Ann@example.com' });
      expect(await left(hers)).toEqual([]);
      expect(await left(his)).toEqual(everything);
      expect(await lying(gone)).toEqual([]);
      expect(await lying(stays)).toHaveLength(stays.length);
      expect((await sealgate.ground.tables.get('groups', { groupId: group }))?.item['seatsTaken']).toBe(1);

      const { receipt } = signed;
      expect(verifyReceipt(JSON.stringify(signed))).toMatchObject({ genuine: true });
      expect(receipt).toMatchObject({
        of: { kind: 'person', id: ann.subject },
        tenants: [ann.tenant],
        storage: { store: store.says.store },
        keys: { tenantKeys: 1 },
        wrappedBy: [{ provider: store.says.provider }],
      });
      expect(receipt.removed).toMatchObject({ users: 1, connections: 2, oauth_tokens: 1, mcp_sessions: 1 });
      expect(receipt.backups.map(({ where }) => where)).toEqual(
        store.says.copies.map((where) => expect.stringContaining(where) as string),
      );
      // Not even the receipt says who it was, but by an opaque id.
      expect(JSON.stringify(signed)).not.toContain('example.com');
    });

    test('stays gone after a start, may come again as somebody new, and the receipt can be had again', async () => {
      const hers = await live(ann, [group]);
      const signed = await shred({ person: ann.subject });
      await sealgate.close();
      sealgate = await open();
      expect(await left(hers)).toEqual([]);
      expect(await sealgate.operations.call('keys.receipt', { person: ann.subject })).toEqual(signed);
      expect(await shred({ person: ann.subject })).toEqual(signed);
      const again = await sealgate.ground.people.ensureByEmail('ann@example.com');
      expect(again.subject).not.toBe(ann.subject);
      expect(await shred({ person: ann.subject })).toEqual(signed);
      expect(await sealgate.ground.people.find(again.subject)).toBeDefined();
    });

    test('stands in the log, with what became of it', async () => {
      const signed = await shred({ person: ann.subject });
      const find = async () => {
        for await (const [call] of sealgate.ground.calls.newest({ act: 'key.shred' })) if (call) return call;
        return undefined;
      };
      const entry = (await find())?.attempt;
      expect(entry).toMatchObject({ obj: `person:${ann.subject}` });
      expect(signed.receipt.by).toMatchObject({ entry: entry?.id });
      await expect.poll(async () => (await find())?.outcome?.out).toBe('success');
      // What the journal holds of it is no secret and no key.
      expect(await sealgate.ground.journal.verify()).toMatchObject({ state: 'intact' });
    });
  });

  describe('a group that is shredded', () => {
    test('is gone with its upstreams, credentials, grants and sessions; its people stay', async () => {
      const hers = await live(ann, [group, ann.tenant]);
      await connect(group, '');
      const { ground } = sealgate;
      const parts = { tables: sealedTables(ground.tables, ground.sealer), sealer: ground.sealer, now };
      const invited = {
        groupId: group,
        role: 'member',
        invitedBy: bob.subject,
        email: 'eve@example.com',
      } as const;
      await openInvitations({ ...parts, people: ground.people }).invite(invited);
      const gone = await takeSecrets((item) => JSON.stringify(item).includes(group));
      expect(await lying(gone)).toHaveLength(gone.length);
      const signed = await shred({ tenant: group });
      expect(await lying(gone)).toEqual([]);
      expect(await left(hers)).toEqual('account address groups personal signedIn link connection'.split(' '));
      expect(await ground.people.groupNamed(group)).toBeUndefined();
      expect(signed.receipt.removed).toMatchObject({
        connections: 2,
        grants: 1,
        groups: 1,
        invitations: 1,
        memberships: 2,
        mcp_sessions: 1,
      });
      expect(await codeOf(connect(group, ''))).toBe('key_shredded');
      expect(await codeOf(connect(ann.tenant, ''))).toBe('done');
    });

    test('must not be somebody’s own, nor the deployment, nor unknown', async () => {
      expect(await codeOf(shred({ tenant: ann.tenant }))).toBe('usage');
      expect(await codeOf(shred({ tenant: '_system' }))).toBe('usage');
      expect(await codeOf(shred({ tenant: 'nobody' }))).toBe('not_found');
      expect(await codeOf(shred({ person: 'nobody' }))).toBe('not_found');
      expect(await codeOf(shred({ person: 'nobody@example.com' }))).toBe('not_found');
      expect(await codeOf(shred({}))).toBe('usage');
      expect(await codeOf(shred({ tenant: group, person: ann.subject }))).toBe('usage');
      expect(await sealgate.ground.people.find(ann.subject)).toBeDefined();
    });

    test('may be one that nobody but the vault knows', async () => {
      const place = { tenant: 'crm-client-7', subject: '', table: 't', record: 'r', field: 'f', epoch: 0 };
      const { sealer } = sealgate.ground;
      const sealed = await sealer.seal('token', place, Buffer.from('x'));
      const signed = await shred({ tenant: 'crm-client-7' });
      expect(signed.receipt.keys).toMatchObject({ tenantKeys: 1, dataKeys: 1 });
      expect(await codeOf(sealer.open('token', place, sealed))).toBe('key_shredded');
    });
  });

  test('the local administrator may go while no gateway listens, and the next start makes a new one', async () => {
    const { administrator } = sealgate.ground;
    await connect(administrator.tenant, administrator.subject);
    await shred({ person: administrator.subject });
    await sealgate.close();
    sealgate = await open();
    expect(sealgate.ground.administrator.subject).not.toBe(administrator.subject);
    expect(await sealgate.ground.people.find(administrator.subject)).toBeUndefined();
    const { tenant, subject } = sealgate.ground.administrator;
    await connect(tenant, subject);
  });
});
