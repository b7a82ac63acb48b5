import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import type { Peer } from './fixtures/peer.ts';
import { openPeerStage, type Stage } from './fixtures/stage.ts';
import type { LogIn } from './login.ts';
import { openTransit, type TransitProvider } from './provider.ts';

// A token is kept good for as long as the server lets it. Time is the test's: the peer's leases and the provider's timer
// go by the same hand.

const context = { deployment: 'd', tenant: 't', purpose: 'tenant', version: '000001' };
let nowMs = 0;
let timers: { atMs: number; run: () => void }[] = [];
const later = (delayMs: number, run: () => void) => {
  const timer = { atMs: nowMs + delayMs, run };
  timers.push(timer);
  return () => void (timers = timers.filter((each) => each !== timer));
};
let stage: Stage & { readonly peer: Peer };
let namespace: string | undefined;
const ends: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const end of ends.toReversed()) await end();
});

beforeEach(async () => {
  nowMs = 1_700_000_000_000;
  timers = [];
  namespace = undefined;
  stage = await openPeerStage({ now: () => nowMs });
  ends.push(() => stage.close());
});

/** Let time pass; what a timer started is waited for by counting what arrives at the server. */
async function pass(ms: number): Promise<void> {
  const until = nowMs + ms;
  for (;;) {
    const next = timers.toSorted((one, other) => one.atMs - other.atMs)[0];
    if (next === undefined || next.atMs > until) break;
    nowMs = Math.max(nowMs, next.atMs);
    timers = timers.filter((each) => each !== next);
    next.run();
    await settled();
  }
  nowMs = until;
}

/** Until nothing more comes in for a while of turns. */
async function settled(): Promise<void> {
  let seen = -1;
  let quiet = 0;
  while (quiet < 20) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    quiet = seen === stage.peer.calls.length ? quiet + 1 : 0;
    seen = stage.peer.calls.length;
  }
}

const asked = (path: string): number => stage.peer.calls.filter((call) => call.path === path).length;
const works = (provider: TransitProvider) =>
  expect(provider.generate({ tenant: 't', context })).resolves.toMatchObject({
    plaintext: expect.anything(),
  });

async function opened(logIn: LogIn): Promise<TransitProvider> {
  const { address, mount } = stage;
  if (namespace !== undefined)
    await stage.api('POST', `sys/mounts/${mount}`, { type: 'transit' }, { namespace });
  await stage.api('POST', `${mount}/keys/root`, { derived: true }, at());
  stage.peer.calls.length = 0;
  const provider = await openTransit({
    address,
    mount,
    key: 'root',
    logIn,
    namespace,
    now: () => nowMs,
    later,
  });
  ends.push(() => provider.close());
  return provider;
}

const at = () => (namespace === undefined ? {} : { namespace });
const policyText = () => `path "${stage.mount}/*" { capabilities = ["read", "update"] }`;

async function token(settings: object): Promise<LogIn> {
  await stage.api('POST', 'sys/policies/acl/p', { policy: policyText() }, at());
  const made = await stage.api('POST', 'auth/token/create', { policies: ['p'], ...settings }, at());
  return { token: String(made.auth['client_token']) };
}

async function role(settings: object): Promise<LogIn> {
  await stage.api('POST', 'sys/policies/acl/p', { policy: policyText() }, at());
  const path = 'auth/approle/role/r';
  await stage.api('POST', path, { token_policies: 'p', ...settings }, at());
  const roleId = String((await stage.api('GET', `${path}/role-id`, undefined, at())).data['role_id']);
  const secretId = String((await stage.api('POST', `${path}/secret-id`, undefined, at())).data['secret_id']);
  return { roleId, secretId };
}

describe('a token that is given', () => {
  test('is renewed before its lease ends, again and again', async () => {
    const provider = await opened(await token({ ttl: '60s' }));
    await pass(600_000);
    expect(asked('auth/token/renew-self')).toBe(15);
    await works(provider);
  });

  test('that does not end is never renewed', async () => {
    const provider = await opened({ token: stage.rootToken });
    expect(timers).toEqual([]);
    await works(provider);
  });

  test('that cannot be renewed works to its end, and then the key is unavailable', async () => {
    const provider = await opened(await token({ ttl: '60s', renewable: false }));
    await pass(59_000);
    await works(provider);
    await pass(2000);
    await expect(provider.generate({ tenant: 't', context })).rejects.toMatchObject({
      code: 'key_unavailable',
    });
    expect(asked('auth/token/renew-self')).toBe(0);
    expect(timers).toEqual([]);
  });

  test('with a last day is renewed up to it, and no call is made in vain after it', async () => {
    const provider = await opened(await token({ ttl: '60s', explicit_max_ttl: '100s' }));
    await pass(95_000);
    await works(provider);
    await pass(100_000);
    await expect(provider.generate({ tenant: 't', context })).rejects.toMatchObject({
      code: 'key_unavailable',
    });
    expect(timers).toEqual([]);
    expect(asked('auth/token/renew-self')).toBeLessThan(12);
  });

  test('outlives an outage that is shorter than what is left of its lease', async () => {
    const provider = await opened(await token({ ttl: '600s' }));
    await pass(390_000);
    stage.peer.fault = 'sealed';
    await pass(120_000);
    expect(asked('auth/token/renew-self')).toBeGreaterThan(2);
    stage.peer.fault = undefined;
    await pass(600_000);
    await works(provider);
  });
});

describe('an AppRole', () => {
  test('renews its token, and logs in again before the token’s last day', async () => {
    const provider = await opened(await role({ token_ttl: '60s', token_max_ttl: '150s' }));
    await pass(1_000_000);
    await works(provider);
    expect(asked('auth/token/renew-self')).toBeGreaterThan(5);
    const logIns = asked('auth/approle/login');
    expect(logIns).toBeGreaterThan(5);
    expect(logIns).toBeLessThan(20);
    expect(stage.peer.calls.filter((call) => call.path.endsWith('/datakey/plaintext/root'))).toHaveLength(1);
  });

  test('logs in again when the token was revoked, once for all who ask, and asks again', async () => {
    const provider = await opened(await role({ token_ttl: '600s' }));
    await works(provider);
    await pass(20_000);
    const { token: held } = stage.peer.calls.at(-1) ?? {};
    await stage.api('POST', 'auth/token/revoke-self', undefined, { token: held ?? '' });
    await Promise.all(Array.from({ length: 8 }, () => works(provider)));
    expect(asked('auth/approle/login')).toBe(2);
  });

  test('does not log in for every call that the policy refuses', async () => {
    const provider = await opened(await role({ token_ttl: '600s' }));
    await stage.api('POST', 'sys/policies/acl/p', { policy: 'path "none" { capabilities = ["read"] }' });
    for (let round = 0; round < 5; round += 1) {
      await pass(3000);
      await expect(provider.generate({ tenant: 't', context })).rejects.toMatchObject({
        code: 'key_unavailable',
        message: expect.stringMatching(/does not permit/),
      });
    }
    expect(asked('auth/approle/login')).toBe(2);
  });

  test('comes back by itself from an outage that outlasted its token', async () => {
    const provider = await opened(await role({ token_ttl: '60s' }));
    stage.peer.fault = 'sealed';
    await pass(600_000);
    await expect(provider.generate({ tenant: 't', context })).rejects.toMatchObject({
      code: 'key_unavailable',
    });
    stage.peer.fault = undefined;
    await works(provider);
  });

  test('gives its token back at the end, and a token that was given stays', async () => {
    const provider = await opened(await role({ token_ttl: '60s' }));
    const { token: held = '' } = stage.peer.calls.at(-1) ?? {};
    await provider.close();
    expect((await stage.api('GET', 'auth/token/lookup-self', undefined, { token: held })).status).toBe(403);
    expect(timers).toEqual([]);
    const given = await token({ ttl: '60s' });
    await (await opened(given)).close();
    const asker = { token: 'token' in given ? given.token : '' };
    expect((await stage.api('GET', 'auth/token/lookup-self', undefined, asker)).status).toBe(200);
  });
});

test('the namespace goes along with every call: log-in, renewal, and what they are for', async () => {
  namespace = 'team/inner';
  await stage.api('POST', 'sys/namespaces/team');
  await stage.api('POST', 'sys/namespaces/inner', {}, { namespace: 'team' });
  const provider = await opened(await role({ token_ttl: '60s', token_max_ttl: '150s' }));
  await pass(400_000);
  const made = await provider.generate({ tenant: 't', context });
  await provider.wrap({ tenant: 't', plaintext: made.plaintext, context });
  await provider.unwrap({ ...made, tenant: 't', context });
  await provider.rewrap({ ...made, tenant: 't', context });
  await provider.describe();
  await provider.close();
  const { calls } = stage.peer;
  const paths = new Set(calls.map(({ path }) => path.replace(`${stage.mount}/`, '')));
  expect([...paths].toSorted()).toEqual([
    'auth/approle/login',
    'auth/token/renew-self',
    'auth/token/revoke-self',
    'datakey/plaintext/root',
    'decrypt/root',
    'encrypt/root',
    'keys/root',
    'rewrap/root',
  ]);
  expect(new Set(calls.map((call) => call.namespace))).toEqual(new Set(['team/inner']));
});
