import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from './census.ts';
import {
  legacyHeaders,
  openSession,
  post,
  watchNamed,
  type Answered,
  type SessionClient,
} from './fixtures/cluster-client.ts';
import { clusterMeans, openCluster, places, type Cluster, type Place } from './fixtures/cluster.ts';
import { startModern, type ModernUpstream } from './fixtures/modern.ts';
import { startNumbered, talk, type NumberedUpstream } from './fixtures/numbered.ts';
import { modernCall } from './fixtures/raw-http.ts';
import { letIn, type LetIn } from './fixtures/sign-in.ts';

// Three gateways behind the shipped nginx file, on Redis and DynamoDB: what one of them was told, all of them know; a
// session belongs to none of them.

const means = await clusterMeans();

describe.skipIf(means === undefined)('three gateways behind nginx', () => {
  let cluster: Cluster;
  let modern: ModernUpstream;
  let numbered: NumberedUpstream;
  let client: LetIn;
  beforeAll(async () => {
    cluster = await openCluster(means!);
    [modern, numbered] = [await startModern(), await startNumbered()];
    const upstreams = { modern: modern.url, numbered: numbered.url };
    for (const [name, url] of Object.entries(upstreams))
      await cluster.administer('a', 'upstreams.add', { upstream: { kind: 'http', name, url } });
    await cluster.administer('b', 'upstreams.remove', { name: 'everything' });
    client = await signedIn();
    for (const place of places)
      if (!(await eventually(async () => (await callAt(place, client)).status === 200)))
        throw new Error(`${place} does not answer`);
  }, 120_000);
  afterAll(async () => {
    await cluster.close();
    await Promise.all([modern.close(), numbered.close()]);
  });

  const signedIn = (): Promise<LetIn> =>
    letIn(cluster.origin, cluster.person(), { scope: 'mcp offline_access', prompt: 'consent' } as const);
  const callAt = (place: Place, { accessToken }: LetIn): Promise<Answered> => {
    const { headers, body } = modernCall(1, 'echo', { text: 'hi' });
    const own = { ...(headers as Record<string, string>), authorization: `Bearer ${accessToken}` };
    return post(`${cluster.at(place)}/mcp/modern`, own, JSON.parse(body) as object);
  };

  it('who signs in on one calls on another; revoked on a third, they are refused by all within a second', async () => {
    const refusedAfterMs = async (victim: LetIn): Promise<number> => {
      for (const place of places) expect((await callAt(place, victim)).status).toBe(200);
      const form = new URLSearchParams({ client_id: victim.clientId, token: victim.refreshToken });
      const revoked = await fetch(`${cluster.at('c')}/revoke`, { method: 'POST', body: form });
      expect(revoked.status).toBe(200);
      const atMs = performance.now();
      const each = places.map(async (place) => {
        while ((await callAt(place, victim)).status !== 401 && performance.now() - atMs < 10_000)
          await sleep(5);
        return performance.now() - atMs;
      });
      return Math.max(...(await Promise.all(each)));
    };
    // A machine may be busy for a second; who only forgets a token after five is slower each time.
    let best = Infinity;
    for (let tries = 0; tries < 3 && best >= 1000; tries += 1)
      best = Math.min(best, await refusedAfterMs(await signedIn()));
    expect(best).toBeLessThan(1000);
    expect((await callAt('a', client)).status).toBe(200);
  });

  it.each(['/mcp', '/mcp/numbered'])(
    'a session at %s that was made on one works on all, and who ends it ends it everywhere',
    async (path) => {
      for (const [opens, ends] of [
        ['a', 'c'],
        ['b', 'b'],
        ['c', 'a'],
      ] as const) {
        const session = await openSession(cluster.origin, path, client.accessToken, cluster.at(opens));
        const statuses = async (): Promise<number[]> =>
          Promise.all(
            places.map(async (at) => (await session.send('tools/list', {}, cluster.at(at))).status),
          );
        expect(await statuses()).toEqual([200, 200, 200]);
        expect(await session.end(cluster.at(ends))).toBe(200);
        expect(await statuses()).toEqual([404, 404, 404]);
      }
    },
  );

  it('nothing is at the addresses that are not for the outside, and a body is not without end', async () => {
    const headers = legacyHeaders(client.accessToken);
    for (const path of ['/internal/mcp', '/metrics'])
      expect((await fetch(`${cluster.origin}${path}`, { headers })).status).toBe(404);
    const huge = await fetch(`${cluster.origin}/mcp`, { method: 'POST', headers, body: 'x'.repeat(5 << 20) });
    expect(huge.status).toBe(413);
  });

  const placeAt = (address: string | undefined): Place => {
    const place = places.find((one) => cluster.at(one).endsWith(`//${address}`));
    if (place === undefined) throw new Error(`nobody is at ${address}`);
    return place;
  };
  const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at + 1);
  interface Told {
    readonly session: SessionClient;
    readonly following: ReturnType<SessionClient['follow']>;
    readonly first: number;
    readonly hush: () => void;
  }
  const toldAll = async ({ session, following, first, hush }: Told): Promise<void> => {
    hush();
    const last = numbered.say();
    expect(await eventually(() => following.numbers.at(-1) === last)).toBe(true);
    expect(following.numbers).toEqual(upTo(last).slice(first - 1));
    await following.stop();
    expect(await session.end()).toBe(200);
  };
  it('whoever passes a stream on is killed: it goes on elsewhere, and no number is lost or comes twice', async () => {
    const session = await openSession(cluster.origin, '/mcp/numbered', client.accessToken);
    await watchNamed(session, 'said');
    const following = session.follow();
    expect(await eventually(() => numbered.listening() === 1)).toBe(true);
    const first = numbered.say();
    const hush = talk(numbered, following, 5);
    expect(await eventually(() => following.numbers.length > 50)).toBe(true);
    // It does not stop talking meanwhile.
    const holder = placeAt(following.answeredBy());
    await cluster.running(holder).kill();
    expect(await eventually(() => following.opened() > 1 && following.numbers.length > 150)).toBe(true);
    await toldAll({ session, following, first, hush });
    await cluster.start(holder);
  });

  it('the owner of a session is killed while the upstream talks: its client is told every number once', async () => {
    const session = await openSession(cluster.origin, '/mcp', client.accessToken);
    const owner = placeAt(session.openedAt);
    await watchNamed(session, 'said');
    const following = session.follow();
    expect(await eventually(() => numbered.listening() === 1 && following.opened() === 1)).toBe(true);
    const first = numbered.say();
    const hush = talk(numbered, following, 5);
    expect(await eventually(() => following.numbers.length > 100)).toBe(true);
    await cluster.running(owner).kill();
    const sofar = following.numbers.length;
    expect(await eventually(() => following.numbers.length > sofar + 200)).toBe(true);
    await toldAll({ session, following, first, hush });
    await cluster.start(owner);
  });

  it('the owner of a session is killed: what it had kept is told by another, once and in order', async () => {
    const session = await openSession(cluster.origin, '/mcp', client.accessToken);
    const owner = placeAt(session.openedAt);
    await watchNamed(session, 'said');
    const before = session.follow();
    expect(await eventually(() => numbered.listening() === 1 && before.opened() === 1)).toBe(true);
    const first = numbered.say();
    for (let said = 0; said < 20; said += 1) numbered.say();
    expect(await eventually(() => before.numbers.length === 21)).toBe(true);
    await before.stop();
    for (let said = 0; said < 20; said += 1) numbered.say();
    // Time to write them down; nobody is there to say that it was.
    await sleep(3000);
    await cluster.running(owner).kill();
    const after = session.follow(before.lastEventId());
    expect(await eventually(() => after.numbers.length >= 20 && numbered.listening() === 1)).toBe(true);
    const last = numbered.say();
    expect(await eventually(() => after.numbers.at(-1) === last)).toBe(true);
    expect([...before.numbers, ...after.numbers]).toEqual(upTo(last).slice(first - 1));
    await after.stop();
    expect(await session.end()).toBe(200);
  });
});
