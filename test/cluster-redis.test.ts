import { setTimeout as sleep } from 'node:timers/promises';
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from './census.ts';
import {
  initialize,
  legacyHeaders,
  messageIn,
  openSession,
  post,
  type Answered,
  type SessionClient,
} from './fixtures/cluster-client.ts';
import { askHealth } from './fixtures/cluster-load.ts';
import { clusterMeans, openCluster, places, type Cluster, type Place } from './fixtures/cluster.ts';
import { startModern, type ModernUpstream } from './fixtures/modern.ts';
import { modernCall } from './fixtures/raw-http.ts';
import { letIn, obtainCode, redeem, type LetIn } from './fixtures/sign-in.ts';

// Redis holds what may be lost. It is killed under three gateways, and comes back with nothing in it.

const means = await clusterMeans();

interface Refused {
  readonly error: { readonly data: { readonly code: string } };
}
interface Oauth {
  readonly error: string;
}
const codeOf = (answer: Answered): string => messageIn<Refused>(answer).error.data.code;

describe.skipIf(means === undefined)('three gateways whose Redis is killed', () => {
  let cluster: Cluster;
  let modern: ModernUpstream;
  let client: LetIn;
  let session: SessionClient;
  beforeAll(async () => {
    cluster = await openCluster(means!);
    modern = await startModern();
    const upstream = { kind: 'http', name: 'modern', url: modern.url };
    await cluster.administer('a', 'upstreams.add', { upstream });
    await cluster.administer('a', 'upstreams.remove', { name: 'everything' });
    const asked = { scope: 'mcp offline_access', prompt: 'consent' } as const;
    client = await letIn(cluster.origin, cluster.person(), asked);
    for (const place of places)
      if (!(await eventually(async () => (await callAt(place)).status === 200)))
        throw new Error(`${place} does not answer`);
    session = await openSession(cluster.origin, '/mcp', client.accessToken, cluster.at('a'));
  }, 120_000);
  afterAll(async () => {
    await cluster.close();
    await modern.close();
  });

  const callAt = (place: Place, token = client.accessToken): Promise<Answered> => {
    const { headers, body } = modernCall(1, 'echo', { text: 'hi' });
    const own = { ...(headers as Record<string, string>), authorization: `Bearer ${token}` };
    return post(`${cluster.at(place)}/mcp/modern`, own, JSON.parse(body) as object);
  };
  const begin = (place: Place, token = client.accessToken): Promise<Answered> =>
    post(`${cluster.at(place)}/mcp`, legacyHeaders(token), {
      id: 1,
      method: 'initialize',
      params: initialize,
    });
  const renewAt = (place: Place, refresh: string): Promise<Answered> =>
    tokenAt(place, { grant_type: 'refresh_token', client_id: client.clientId, refresh_token: refresh });
  const tokenAt = async (place: Place, form: Readonly<Record<string, string>>): Promise<Answered> => {
    const answer = await fetch(`${cluster.at(place)}/token`, {
      method: 'POST',
      body: new URLSearchParams(form),
    });
    return { status: answer.status, text: await answer.text() };
  };

  it('what was let in a moment ago is carried out, and what needs Redis is told to come again', async () => {
    // What was remembered of the token before is over: it is looked up now, by all at once.
    await sleep(5100);
    expect((await Promise.all(places.map((place) => callAt(place)))).map(({ status }) => status)).toEqual([
      200, 200, 200,
    ]);
    await cluster.redis.kill();
    const asking = askHealth(cluster.origin);
    const beganMs = performance.now();
    const calls = await Promise.all(places.map((place) => callAt(place)));
    expect(calls.map(({ status }) => status)).toEqual([200, 200, 200]);
    const refused = await Promise.all(places.map((place) => begin(place)));
    expect(refused.map((answer) => [answer.status, codeOf(answer)])).toEqual(
      places.map(() => [503, 'store_unavailable']),
    );
    expect(performance.now() - beganMs).toBeLessThan(15_000);
    // The token is looked up anew.
    for (const place of places) {
      expect(await eventually(async () => (await callAt(place)).status === 503)).toBe(true);
      expect(codeOf(await callAt(place))).toBe('store_unavailable');
    }
    for (const place of places) {
      const renewed = await renewAt(place, client.refreshToken);
      expect([renewed.status, messageIn<Oauth>(renewed).error]).toEqual([503, 'temporarily_unavailable']);
    }
    // None of them is well, and nginx sends them what comes all the same.
    expect((await fetch(`${cluster.at('c')}/health`)).status).toBe(503);
    expect((await fetch(`${cluster.origin}/health`)).status).toBe(502);
    for (const path of ['/health/live', '/.well-known/oauth-authorization-server', '/sign-in'])
      expect([path, (await fetch(`${cluster.origin}${path}`)).status]).toEqual([path, 200]);
    const message = { id: 1, method: 'initialize', params: initialize };
    const through = await post(`${cluster.origin}/mcp`, legacyHeaders(client.accessToken), message);
    expect([through.status, codeOf(through)]).toEqual([503, 'store_unavailable']);
    await asking.stop();
  });

  it('when it is back, empty, clients and grants are what they were, and sessions go on where they are held', async () => {
    await cluster.redis.start();
    for (const place of places)
      expect(await eventually(async () => (await callAt(place)).status === 401)).toBe(true);
    const renewed = await renewAt('b', client.refreshToken);
    expect(renewed.status).toBe(200);
    const tokens = JSON.parse(renewed.text) as {
      readonly access_token: string;
      readonly refresh_token: string;
    };
    for (const place of places) expect((await callAt(place, tokens.access_token)).status).toBe(200);
    expect((await renewAt('c', tokens.refresh_token)).status).toBe(200);
    // Whoever holds the session has not forgotten it, and tells the others, who do not call it unknown meanwhile.
    const asked = { id: 2, method: 'tools/list', params: {} };
    const headers = legacyHeaders(tokens.access_token, session.id);
    const sessionAt = (place: Place): Promise<Answered> => post(`${cluster.at(place)}/mcp`, headers, asked);
    for (const place of places) {
      const told = new Set<string>();
      const isServed = async (): Promise<boolean> => {
        const answer = await sessionAt(place);
        if (answer.status !== 200) told.add(`${answer.status} ${codeOf(answer)}`);
        return answer.status === 200;
      };
      expect(await eventually(isServed)).toBe(true);
      expect(['', '503 instance_unavailable']).toContain([...told].join());
    }
    // Nobody holds one that never was.
    const unknown = { ...headers, 'mcp-session-id': randomUUID() };
    const isUnknown = async (): Promise<boolean> =>
      (await post(`${cluster.at('c')}/mcp`, unknown, asked)).status === 404;
    expect(await eventually(isUnknown)).toBe(true);
    for (const place of places) expect((await begin(place, tokens.access_token)).status).toBe(200);
    // The same client, without registering again.
    const code = await obtainCode(cluster.origin, cluster.person(), client.clientId);
    const answer = await redeem(cluster.at('c'), code);
    expect((await callAt('a', answer['access_token'])).status).toBe(200);
  });

  it('nobody has died', () => {
    for (const place of places) expect(() => process.kill(cluster.running(place).pid, 0)).not.toThrow();
  });
});
