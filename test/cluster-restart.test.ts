import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from './census.ts';
import { openSession, watchNamed } from './fixtures/cluster-client.ts';
import { askHealth, startLoad } from './fixtures/cluster-load.ts';
import { clusterMeans, openCluster, places, type Cluster, type Place } from './fixtures/cluster.ts';
import { startModern, type ModernUpstream } from './fixtures/modern.ts';
import { startNumbered, talk, type NumberedUpstream } from './fixtures/numbered.ts';
import { letIn } from './fixtures/sign-in.ts';

// An operator restarts three gateways behind nginx, one after another, and nobody notices.

const means = await clusterMeans();
const delaySeconds = 2;

describe.skipIf(means === undefined)('three gateways behind nginx, restarted one after another', () => {
  let cluster: Cluster;
  let modern: ModernUpstream;
  let numbered: NumberedUpstream;
  beforeAll(async () => {
    cluster = await openCluster(means!, { DRAIN_DELAY_SECONDS: `${delaySeconds}`, DRAIN_SECONDS: '10' });
    [modern, numbered] = [await startModern(), await startNumbered()];
    for (const [name, url] of Object.entries({ modern: modern.url, numbered: numbered.url }))
      await cluster.administer('a', 'upstreams.add', { upstream: { kind: 'http', name, url } });
    await cluster.administer('a', 'upstreams.remove', { name: 'everything' });
  }, 120_000);
  afterAll(async () => {
    await cluster.close();
    await Promise.all([modern.close(), numbered.close()]);
  });

  const placeOf = (session: { readonly openedAt: string | undefined }): Place => {
    const place = places.find((one) => cluster.at(one).endsWith(`//${session.openedAt}`));
    if (place === undefined) throw new Error(`nobody is at ${session.openedAt}`);
    return place;
  };
  it('a long call of a session is answered by the one that leaves, and its news come from the one that stays', async () => {
    const { accessToken } = await letIn(cluster.origin, cluster.person(), { scope: 'mcp' });
    const session = await openSession(cluster.origin, '/mcp', accessToken);
    const owner = placeOf(session);
    await watchNamed(session, 'said');
    const following = session.follow();
    expect(await eventually(() => numbered.listening() === 1 && following.opened() === 1)).toBe(true);
    const first = numbered.say();
    const hush = talk(numbered, following, 5);
    const call = session.send('tools/call', { name: 'numbered__wait', arguments: {} }, cluster.at(owner));
    expect(await eventually(() => following.numbers.length > 50)).toBe(true);
    const stopped = cluster.running(owner).stop();
    expect(await eventually(() => following.opened() > 1)).toBe(true);
    const sofar = following.numbers.length;
    expect(await eventually(() => following.numbers.length > sofar + 100)).toBe(true);
    numbered.finish();
    const answer = await call;
    expect([answer.status, answer.text.includes('waited')]).toEqual([200, true]);
    expect(await stopped).toEqual({ code: 0, signal: null });
    hush();
    const last = numbered.say();
    expect(await eventually(() => following.numbers.at(-1) === last)).toBe(true);
    expect(following.numbers).toEqual(Array.from({ length: last - first + 1 }, (_, n) => first + n));
    await following.stop();
    expect(await session.end()).toBe(200);
    await cluster.start(owner);
  });

  it('not one of all requests fails, and a stream goes on without a gap', { timeout: 180_000 }, async () => {
    const asked = { scope: 'mcp offline_access', prompt: 'consent' } as const;
    const { accessToken, clientId, refreshToken } = await letIn(cluster.origin, cluster.person(), asked);
    let refresh = refreshToken;
    const renew = async (): Promise<void> => {
      const form = { grant_type: 'refresh_token', client_id: clientId, refresh_token: refresh };
      const url = `${cluster.origin}/token`;
      const answer = await fetch(url, { method: 'POST', body: new URLSearchParams(form) });
      const text = await answer.text();
      if (answer.status !== 200) throw new Error(`${answer.status} ${text}`);
      refresh = (JSON.parse(text) as { refresh_token: string }).refresh_token;
    };
    const knows = async (): Promise<boolean> =>
      openSession(cluster.origin, '/mcp/numbered', accessToken).then(
        async (session) => (await session.end()) === 200,
        () => false,
      );
    for (let seen = 0; seen < 6; seen += 1) expect(await eventually(knows)).toBe(true);
    const load = await startLoad({
      origin: cluster.origin,
      token: accessToken,
      modern: 'modern',
      older: 'numbered',
      renew,
    });
    const session = await openSession(cluster.origin, '/mcp/numbered', accessToken);
    await watchNamed(session, 'said');
    const following = session.follow();
    expect(await eventually(() => numbered.listening() === 1)).toBe(true);
    const first = numbered.say();
    const hush = talk(numbered, following, 20);
    const watching = askHealth(cluster.origin);
    for (const place of places) {
      const leaving = cluster.running(place);
      expect(await leaving.stop()).toEqual({ code: 0, signal: null });
      await cluster.start(place);
      const sofar = load.good.call;
      expect(await eventually(() => load.good.call > sofar + 50)).toBe(true);
    }
    hush();
    const last = numbered.say();
    expect(await eventually(() => following.numbers.at(-1) === last)).toBe(true);
    await following.stop();
    expect(following.numbers).toEqual(Array.from({ length: last - first + 1 }, (_, at) => first + at));
    await load.stop();
    await watching.stop();
    expect(load.bad).toEqual([]);
    expect(Math.min(...Object.values(load.good))).toBeGreaterThan(50);
  });
});
