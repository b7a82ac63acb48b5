import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openPerson } from './fixtures/sign-in.ts';
import { startKeyed } from './fixtures/keyed.ts';
import { startModern, type ModernUpstream } from './fixtures/modern.ts';
import { agreed, partedClient, proofMaker, type At, type PartedClient } from './instances-client.ts';
import { openDeployment, type Deployment } from './instances-stage.ts';
import { formsOf } from './judges/forms.ts';
import { overSocket } from './start.ts';

// Two processes that are one deployment. What one of them did, the other knows; of what may happen once, one of them does it.

let site: Deployment;
let client: PartedClient;
let upstream: ModernUpstream;

beforeAll(async () => {
  site = await openDeployment();
  client = partedClient(site.origin);
  upstream = await startModern({ legacy: 'stateless' });
  await administer('a', 'upstreams.add', { upstream: { kind: 'http', name: 'docs', url: upstream.url } });
});
afterAll(async () => {
  await site.close();
  await upstream.close();
});

const both: readonly At[] = ['a', 'b'];
const across = <T>(count: number, work: (at: At) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => work(both[index % 2] as At)));

async function administer(at: At, operation: string, input: object): Promise<Record<string, string>> {
  const answer = JSON.parse(await overSocket(site[at].dataDir, operation, input)) as {
    readonly ok: boolean;
    readonly result: Record<string, string>;
  };
  expect(answer).toMatchObject({ ok: true });
  return answer.result;
}

const link = async (at: At): Promise<string> => (await administer(at, 'sign-in.link', {}))['link'] ?? '';
const person = (at: At = 'a') => openPerson(() => link(at));

async function letIn(at: At = 'a') {
  const { client_id: clientId = '', ...registered } = await client.register(at);
  const code = await agreed(client, person(at), clientId);
  const { status, body } = await client.token(at, code);
  expect([status, body]).toMatchObject([200, { token_type: 'Bearer' }]);
  const refresh = (token = body['refresh_token'] ?? '') => ({
    grant_type: 'refresh_token',
    client_id: clientId,
    refresh_token: token,
  });
  return {
    clientId,
    registered,
    tokens: body,
    refresh,
    bearer: { authorization: `Bearer ${body['access_token']}` },
  };
}

const statusAt = async (at: At, headers: Readonly<Record<string, string>>): Promise<number> => {
  const answer = await client.ping(at, 'docs', headers);
  await answer.body?.cancel();
  return answer.status;
};

/** The gateways look for news every half second. */
const toldMs = 4_000;

/** Until it holds, and how long that took. */
async function within(ms: number, holds: () => Promise<boolean>): Promise<void> {
  const endMs = performance.now() + ms;
  while (!(await holds())) {
    if (performance.now() > endMs) throw new Error(`not within ${ms} ms`);
    await sleep(50);
  }
}

it('who registers on one, signs in and agrees on the other, redeems the code on the first', async () => {
  const { client_id: clientId = '' } = await client.register('a');
  site.to = 'b';
  const form = await agreed(client, person('b'), clientId);
  const { status, body } = await client.token('a', form);
  expect(status).toBe(200);
  expect(await statusAt('a', { authorization: `Bearer ${body['access_token']}` })).toBe(200);
});

it('an authorization that is begun on one is gone on with and finished on the other, request by request', async () => {
  const { client_id: clientId = '' } = await client.register('b');
  site.to = 'turns';
  const form = await agreed(client, person(), clientId);
  expect((await client.token('b', form)).status).toBe(200);
});

it('a token is good on the other at once', async () => {
  const { bearer } = await letIn('a');
  expect(await statusAt('b', bearer)).toBe(200);
});

it('20 parallel refreshes across both get one answer, and the family lives on', async () => {
  const { refresh } = await letIn();
  const answers = await across(20, (at) => client.token(at, refresh()));
  expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
  expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
  const { access_token: access, refresh_token: next } = answers[0]?.body ?? {};
  for (const at of both) expect(await statusAt(at, { authorization: `Bearer ${access}` })).toBe(200);
  expect((await client.token('b', refresh(next))).status).toBe(200);
});

it('of 20 redemptions of a code across both one wins, and the replay ends what it was given', async () => {
  const { client_id: clientId = '' } = await client.register('a');
  const form = await agreed(client, person(), clientId);
  const answers = await across(20, (at) => client.token(at, form));
  const won = answers.filter(({ status }) => status === 200);
  expect(won).toHaveLength(1);
  expect(answers.filter(({ body }) => body['error'] === 'invalid_grant')).toHaveLength(19);
  const bearer = { authorization: `Bearer ${won[0]?.body['access_token']}` };
  for (const at of both) await within(toldMs, async () => (await statusAt(at, bearer)) === 401);
  const renewed = { grant_type: 'refresh_token', client_id: clientId };
  const refresh = { ...renewed, refresh_token: won[0]?.body['refresh_token'] ?? '' };
  expect((await client.token('b', refresh)).body['error']).toBe('invalid_grant');
});

it('a token that is revoked on one is refused on the other, long before the five seconds it is remembered', async () => {
  const { clientId, tokens, bearer } = await letIn();
  expect(await statusAt('b', bearer)).toBe(200);
  const form = new URLSearchParams({ client_id: clientId, token: tokens['refresh_token'] ?? '' });
  const revoked = await fetch(`${site.origin}/revoke`, {
    method: 'POST',
    headers: { 'x-to': 'a' },
    body: form,
  });
  expect(revoked.status).toBe(200);
  expect(await statusAt('a', bearer)).toBe(401);
  await within(toldMs, async () => (await statusAt('b', bearer)) === 401);
});

it('a DPoP proof that was shown to one is refused by the other', async () => {
  const { client_id: clientId = '' } = await client.register('a');
  const form = await agreed(client, person(), clientId);
  const prove = proofMaker();
  const { status, body } = await client.token('a', form, { dpop: prove('POST', `${site.origin}/token`) });
  expect([status, body['token_type']]).toEqual([200, 'DPoP']);
  const token = body['access_token'] ?? '';
  const shown = { authorization: `DPoP ${token}`, dpop: prove('POST', `${site.origin}/mcp/docs`, token) };
  expect(await statusAt('a', shown)).toBe(200);
  expect(await statusAt('b', shown)).toBe(401);
  expect(await statusAt('b', { ...shown, dpop: prove('POST', `${site.origin}/mcp/docs`, token) })).toBe(200);
});

it('a DPoP proof that is shown to both at once is taken once', async () => {
  const { client_id: clientId = '' } = await client.register('a');
  const form = await agreed(client, person(), clientId);
  const prove = proofMaker();
  const { body } = await client.token('b', form, { dpop: prove('POST', `${site.origin}/token`) });
  const token = body['access_token'] ?? '';
  const shown = { authorization: `DPoP ${token}`, dpop: prove('POST', `${site.origin}/mcp/docs`, token) };
  const statuses = await across(10, (at) => statusAt(at, shown));
  expect(statuses.toSorted((one, other) => one - other)).toEqual([200, ...Array(9).fill(401)]);
});

it('a magic link that is used on both at once signs one of them in', async () => {
  const url = new URL(await link('a'));
  const page = await (await fetch(url, { headers: { 'x-to': 'b' } })).text();
  const fields = formsOf(page).find(({ action }) => action === '/sign-in/link')?.fields ?? new Map();
  const answers = await across(10, (at) =>
    fetch(`${site.origin}/sign-in/link`, {
      method: 'POST',
      redirect: 'manual',
      headers: { 'x-to': at, origin: site.origin, 'sec-fetch-site': 'same-origin' },
      body: new URLSearchParams([...fields]),
    }),
  );
  expect(answers.filter(({ status }) => status === 303)).toHaveLength(1);
  expect(answers.filter((answer) => answer.headers.has('set-cookie'))).toHaveLength(1);
});

it('a client that is deleted on one (RFC 7592) is gone on the other, with its tokens', async () => {
  const { registered, clientId, bearer, refresh } = await letIn('b');
  expect(await statusAt('b', bearer)).toBe(200);
  const deleted = await fetch(registered['registration_client_uri'] ?? '', {
    method: 'DELETE',
    headers: { 'x-to': 'a', authorization: `Bearer ${registered['registration_access_token']}` },
  });
  expect(deleted.status).toBe(204);
  expect((await client.token('b', refresh())).body['error']).toBe('invalid_client');
  const { url } = client.authorization(clientId);
  expect((await fetch(url, { headers: { 'x-to': 'b' }, redirect: 'manual' })).status).toBe(400);
  await within(toldMs, async () => (await statusAt('b', bearer)) === 401);
});

it('an upstream that is added on one is served by the other, and a removed one is gone', async () => {
  const { bearer } = await letIn();
  const at = async (to: At): Promise<number> => {
    const answer = await client.ping(to, 'second', bearer);
    await answer.body?.cancel();
    return answer.status;
  };
  expect(await at('b')).toBe(404);
  await administer('a', 'upstreams.add', { upstream: { kind: 'http', name: 'second', url: upstream.url } });
  await within(15_000, async () => (await at('b')) === 200);
  await administer('b', 'upstreams.remove', { name: 'second' });
  expect(await at('b')).toBe(404);
  await within(15_000, async () => (await at('a')) === 404);
});

it('a credential that is set on one is lent by the other, and soon after its removal no more', async () => {
  const { bearer } = await letIn();
  const secret = 'a-key-of-two-gateways';
  const keyed = await startKeyed({ in: 'bearer' }, secret);
  const placement = { in: 'header', name: 'authorization', scheme: 'bearer' };
  const upstreamOf = { kind: 'http', name: 'keyed', url: keyed.url, credential: placement };
  await administer('a', 'upstreams.add', { upstream: upstreamOf });
  const at = async (to: At): Promise<number> => {
    const answer = await client.ping(to, 'keyed', bearer);
    await answer.body?.cancel();
    return answer.status;
  };
  await within(15_000, async () => (await at('b')) === 424);
  await administer('a', 'connections.set', { upstream: 'keyed', secret });
  await within(15_000, async () => (await at('b')) === 200);
  expect(keyed.received.some(({ admitted }) => admitted)).toBe(true);
  await administer('a', 'connections.remove', { upstream: 'keyed' });
  expect(await at('a')).toBe(424);
  await within(toldMs, async () => (await at('b')) === 424);
  await keyed.close();
});

it('a refresh whose winner dies before its answer is kept is finished by another, and nobody signs in again', async () => {
  const { refresh } = await letIn();
  site.a.dieAtRefresh();
  const lost = client.token('a', refresh()).catch(() => 'died');
  await site.a.exited;
  const answers = await Promise.all(Array.from({ length: 5 }, () => client.token('b', refresh())));
  expect(answers.map(({ status }) => status)).toEqual(Array(5).fill(200));
  expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
  const { access_token: access, refresh_token: next } = answers[0]?.body ?? {};
  expect(await statusAt('b', { authorization: `Bearer ${access}` })).toBe(200);
  expect((await client.token('b', refresh(next))).status).toBe(200);
  await lost;
  await site.again('a');
  expect(await statusAt('a', { authorization: `Bearer ${access}` })).toBe(200);
});

it('nothing is at the internal address for whoever comes from outside, with a token or without', async () => {
  const { bearer } = await letIn();
  for (const headers of [{}, bearer, { authorization: 'Sealgate-Instance e30.e30' }]) {
    const answer = await fetch(`${site.a.url}/internal/mcp`, { method: 'POST', headers, body: '{}' });
    expect(answer.status).toBe(404);
  }
});
