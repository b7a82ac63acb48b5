import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { stores, type OpenedStore } from './fixtures/two-stores.ts';
import { openOauthTokens, providerKeysOf, type Granted, type OauthTokens } from './oauth-tokens.ts';

const now = (): number => 1_700_000_000_000;
let store: OpenedStore;
let tokens: OauthTokens;

function grantOf(more: Partial<Granted> = {}): Granted {
  return {
    userId: 'u1',
    groupId: 'g1',
    provider: 'google',
    accountEmail: 'ada@example.com',
    connectionId: 'c1',
    accessToken: Buffer.from('at-4242'),
    refreshToken: Buffer.from('rt-4242'),
    scopes: ['mail'],
    ...more,
  };
}

const blind = (email: string): string => store.sealer.blind('oauth_tokens.accountEmail', email);

async function opened(userId: string, providerKey: string): Promise<string[]> {
  const row = await tokens.get(userId, providerKey);
  if (row === undefined) return [];
  const { accessToken, refreshToken } = await tokens.open(row);
  return [accessToken.toString(), refreshToken?.toString() ?? 'none'];
}

describe.each(Object.entries(stores))('grants on %s', (_, open) => {
  beforeEach(async () => {
    store = await open(now);
    tokens = openOauthTokens({ tables: store.sealed, sealer: store.sealer, now });
  });
  afterEach(() => store.close());

  test('accounts have keys in the form that other programs know, with the address blinded', async () => {
    expect(await tokens.save(grantOf())).toBe(`google#${blind('ada@example.com')}`);
    expect(await tokens.save(grantOf({ connectionId: 'c2' }))).toBe(`google#${blind('ada@example.com')}#c2`);
    expect(await tokens.save(grantOf({ accountEmail: undefined, connectionId: 'c3' }))).toBe('google##c3');
    expect(await tokens.list('u1')).toHaveLength(3);
  });

  test('a new grant of a connection replaces its own, wherever that lies', async () => {
    await tokens.save(grantOf());
    const second = await tokens.save(grantOf({ connectionId: 'c2' }));
    await tokens.remove('u1', `google#${blind('ada@example.com')}`);
    const again = await tokens.save(
      grantOf({ connectionId: 'c2', accessToken: Buffer.from('at-2'), refreshToken: undefined }),
    );
    expect(again).toBe(second);
    expect(await opened('u1', second)).toEqual(['at-2', 'none']);
  });

  test('connections that save at once all keep their tokens', async () => {
    const ids = Array.from({ length: 10 }, (__, n) => `c${n}`);
    const keys = await Promise.all(
      ids.map((connectionId) =>
        tokens.save(grantOf({ connectionId, accessToken: Buffer.from(connectionId) })),
      ),
    );
    expect(new Set(keys).size).toBe(10);
    for (const [n, key] of keys.entries()) expect((await opened('u1', key))[0]).toBe(ids[n]);
  });

  test('an older grant, another person or another group does not open', async () => {
    const key = await tokens.save(grantOf());
    const old = await tokens.get('u1', key);
    await tokens.save(grantOf({ accessToken: Buffer.from('at-new') }));
    const row = await tokens.get('u1', key);
    if (old === undefined || row === undefined) throw new Error('no row');
    for (const moved of [{ accessToken: old['accessToken'] ?? '' }, { userId: 'u2' }, { groupId: 'g2' }])
      await expect(tokens.open({ ...row, ...moved })).rejects.toMatchObject({ code: 'open_failed' });
    expect((await opened('u1', key))[0]).toBe('at-new');
  });

  test('the address of an account opens with its row', async () => {
    const [known, none] = [grantOf(), grantOf({ connectionId: 'c3', accountEmail: undefined })];
    const emails = [];
    for (const granted of [known, none]) {
      const row = await tokens.get('u1', await tokens.save(granted));
      emails.push((await tokens.open(row!)).accountEmail);
    }
    expect(emails).toEqual(['ada@example.com', undefined]);
  });

  test('nothing of a token or an address lies in clear', async () => {
    await tokens.save(grantOf());
    const rows = JSON.stringify(await store.tables.scan('oauth_tokens', { limit: 10 }));
    for (const text of ['at-4242', 'rt-4242', 'ada@example.com'])
      for (const form of [text, Buffer.from(text).toString('base64url'), Buffer.from(text).toString('hex')])
        expect(rows).not.toContain(form);
  });

  test('rows of an address are found at its provider', async () => {
    await tokens.save(grantOf());
    await tokens.save(grantOf({ userId: 'u2' }));
    await tokens.save(grantOf({ provider: 'github' }));
    store.settle();
    const found = await tokens.findByAccount('google', 'ada@example.com');
    expect(found.map(({ userId }) => userId).toSorted()).toEqual(['u1', 'u2']);
  });
});

test.each([
  { provider: 'goo#gle' },
  { provider: '' },
  { connectionId: 'a#b' },
  { connectionId: 'x@y' },
  { accountEmail: 'ada@example.com#c2' },
  { accountEmail: 'ada' },
])('an account that could be taken for another is refused: %j', (more) => {
  expect(() => providerKeysOf(grantOf(more), (email) => email)).toThrow(
    expect.objectContaining({ code: 'request_invalid' }),
  );
});
