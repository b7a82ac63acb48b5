import { afterEach, describe, expect, test } from 'vitest';
import { until } from '../../domain/fixtures/until.ts';
import type { Upstream } from '../../domain/upstream.ts';
import { memoryAudit } from '../../domain/fixtures/memory-audit.ts';
import { openStage as openLinkStage, type Stage as LinkStage } from '../link/fixtures/stage.ts';
import { conformance, everything, child, startConformance } from '../link/fixtures/upstreams.ts';
import { openSingle } from '../link/single.ts';
import { follow, initialize, resultOf, rpc, type RawSession } from './fixtures/session-client.ts';
import { openStage, type Instance } from './fixtures/session-stage.ts';

// Sessions on the real thing: children and HTTP upstreams of both eras, behind real links.

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const capabilities = { sampling: {}, elicitation: { form: {}, url: {} }, roots: { listChanged: true } };
const path = '/mcp/up';

/** Instances of the front, each with links of its own to one upstream. */
async function open(upstream: Upstream, instances = 1): Promise<{ all: Instance[]; links: LinkStage[] }> {
  const links = Array.from({ length: instances }, () => openLinkStage());
  const { audit } = memoryAudit();
  const stage = openStage();
  closers.push(async () => {
    await stage.close();
    await Promise.all(links.map((one) => one.close()));
  });
  const all = links.map((own, n) => {
    const upstreams = { find: () => upstream };
    const single = openSingle({ links: own.links, upstreams, audit, now: Date.now, callTimeoutMs: 20_000 });
    return stage.start(`instance-${n}`, () => single(upstream));
  });
  return { all: await Promise.all(all), links };
}

async function begin(url: string, who = 'u1'): Promise<RawSession> {
  const session = await initialize(url, { who, capabilities });
  expect(session.initialized.status).toBe(200);
  await session.post({ jsonrpc: '2.0', method: 'notifications/initialized' });
  return session;
}

/** Call a tool; answer everything that is asked with `answers`. */
async function call(
  session: RawSession,
  name: string,
  answers: Readonly<Record<string, object>>,
  args: object = {},
): Promise<string> {
  const stream = follow(await session.post(rpc('tools/call', { name, arguments: args }, name)));
  let answered = 0;
  const timer = setInterval(() => {
    const asked = stream.messages().filter(({ method, id }) => method !== undefined && id !== undefined);
    for (const { id, method } of asked.slice(answered)) {
      answered += 1;
      void session.post({ jsonrpc: '2.0', id, result: answers[method!] });
    }
  }, 5);
  await stream.ended;
  clearInterval(timer);
  return JSON.stringify(stream.messages().at(-1));
}

const answers = {
  'elicitation/create': { action: 'accept', content: { username: 'canary-user', email: 'a@b.c' } },
  'sampling/createMessage': {
    model: 'm',
    role: 'assistant',
    content: { type: 'text', text: 'canary-sample' },
  },
  'roots/list': { roots: [{ uri: 'file:///canary', name: 'r' }] },
};

describe.each([
  ['a child', async () => child('up', conformance('--stdio', '--era', 'legacy'))],
  ['an HTTP upstream of the same era', () => http('legacy')],
  ['an HTTP upstream of 2026-07-28', () => http('modern')],
])('a session on %s', (_, upstream) => {
  test('calls, reads, and is asked', async () => {
    const { all } = await open(await upstream());
    const session = await begin(all[0]!.url(path));
    const listed = JSON.stringify((await resultOf(await session.post(rpc('tools/list')))).result);
    expect(listed).toContain('test_simple_text');
    expect(await call(session, 'test_simple_text', {})).toContain('simple text response');
    const read = await resultOf(await session.post(rpc('resources/read', { uri: 'test://static-text' })));
    expect(JSON.stringify(read.result)).toContain('test://static-text');
    const unknown = await resultOf(await session.post(rpc('example/none')));
    expect(unknown.error?.code).toBe(-32601);
  });
});

async function http(era: 'legacy' | 'modern'): Promise<Upstream> {
  const server = await startConformance(era);
  closers.push(server.close);
  return { kind: 'http', name: 'up', url: server.url, credential: undefined };
}

describe('what an upstream asks', () => {
  test('from a child, reaches the session that called and comes back', async () => {
    const { all } = await open(everything('up'));
    const [one, two] = [await begin(all[0]!.url(path)), await begin(all[0]!.url(path), 'u2')];
    const both = await Promise.all([
      call(one, 'trigger-sampling-request', answers, { prompt: 'p', maxTokens: 10 }),
      call(
        two,
        'trigger-sampling-request',
        {
          ...answers,
          'sampling/createMessage': {
            ...answers['sampling/createMessage'],
            content: { type: 'text', text: 'other-canary' },
          },
        },
        { prompt: 'p', maxTokens: 10 },
      ),
    ]);
    expect(both[0]).toContain('canary-sample');
    expect(both[1]).toContain('other-canary');
    expect(await call(one, 'trigger-elicitation-request', answers)).toContain('accept');
  });

  test('over HTTP in the same era, reaches it too', async () => {
    const { all } = await open(await http('legacy'));
    const session = await begin(all[0]!.url(path));
    expect(await call(session, 'test_sampling', answers, { prompt: 'p' })).toContain('canary-sample');
    expect(await call(session, 'test_elicitation', answers, { message: 'm' })).toContain('canary-user');
  });
});

test('a session on an HTTP upstream goes on at another instance, in the same session upstream', async () => {
  const { all, links } = await open(await http('legacy'), 2);
  const session = await begin(all[0]!.url(path));
  await (await session.post(rpc('resources/subscribe', { uri: 'test://watched-resource' }))).text();
  const before = links[0]!.lines.filter(({ act }) => act === 'session.open').length;
  all[0]!.kill();
  const there = session.at(all[1]!.url(path));
  expect(await call(there, 'test_simple_text', {})).toContain('simple text response');
  expect(before).toBeGreaterThan(0);
  expect(links[1]!.lines.filter(({ act }) => act === 'session.open')).toEqual([]);
  await until(() => all[1]!.sessions.count() === 1);
});
