import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from './census.ts';
import { openSession, watchNamed } from './fixtures/cluster-client.ts';
import { startLoad } from './fixtures/cluster-load.ts';
import { clusterMeans, openCluster, places, type Cluster } from './fixtures/cluster.ts';
import { startModern, type ModernUpstream } from './fixtures/modern.ts';
import { startNumbered, type NumberedUpstream } from './fixtures/numbered.ts';
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
    const talking = setInterval(() => numbered.say(), 20);
    const watching = watchHealth(cluster.origin);
    for (const place of places) {
      const leaving = cluster.running(place);
      expect(await leaving.stop()).toEqual({ code: 0, signal: null });
      await cluster.start(place);
      const sofar = load.good.call;
      expect(await eventually(() => load.good.call > sofar + 50)).toBe(true);
    }
    clearInterval(talking);
    const last = numbered.say();
    expect(await eventually(() => following.numbers.at(-1) === last)).toBe(true);
    await following.stop();
    expect(following.numbers).toEqual(Array.from({ length: last }, (_, at) => at + 1));
    await load.stop();
    await watching.stop();
    expect(load.bad).toEqual([]);
    expect(Math.min(...Object.values(load.good))).toBeGreaterThan(50);
  });
});

/** What stands in for the health check of nginx's container. */
function watchHealth(origin: string): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const running = (async () => {
    while (!stopping.signal.aborted) {
      await fetch(`${origin}/health`).then(
        (answer) => answer.text(),
        () => undefined,
      );
      await sleep(50);
    }
  })();
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
