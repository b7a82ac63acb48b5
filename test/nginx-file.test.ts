import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { freePort } from '../packages/vault/src/testing/free-port.ts';
import { listen, type Listening } from './fixtures/listen.ts';
import { rawHttp, type RawAnswer, type RawRequest } from './fixtures/raw-http.ts';
import { startShippedNginx, type Nginx } from './nginx.ts';
import { programOrSkip } from './programs.ts';

// The shipped nginx file in front of three servers that are no gateways, so that each can do what a gateway should not.

const program = programOrSkip('nginx', 'apt-get install nginx-light');

interface Server extends Listening {
  readonly port: number;
  readonly received: IncomingMessage[];
  answer: (request: IncomingMessage, response: ServerResponse) => void;
}

const atEnd: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of atEnd.splice(0).toReversed()) await end();
});

async function startServer(): Promise<Server> {
  const received: IncomingMessage[] = [];
  const listening = await listen((request, response) => {
    received.push(request);
    request.resume();
    server.answer(request, response);
  }, '');
  const server: Server = {
    ...listening,
    port: Number(new URL(listening.url).port),
    received,
    answer: (_, response) => void response.end(String(server.port)),
  };
  atEnd.push(() => server.close());
  return server;
}

interface Stage {
  readonly nginx: Nginx;
  readonly servers: readonly [Server, Server, Server];
  ask(path: string, sent?: RawRequest): Promise<RawAnswer>;
}

async function start(changed?: (file: string) => string): Promise<Stage> {
  const servers = [await startServer(), await startServer(), await startServer()] as const;
  const ports = servers.map(({ port }) => port);
  const nginx = await startShippedNginx(program!, await freePort(), ports, changed);
  atEnd.push(nginx.close);
  return { nginx, servers, ask: (path, sent = {}) => rawHttp(`${nginx.origin}${path}`, sent) };
}

const many = <T>(count: number, work: (at: number) => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, (_, at) => work(at)));
function tally(values: readonly unknown[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) counts[String(value)] = (counts[String(value)] ?? 0) + 1;
  return counts;
}

describe.skipIf(program === undefined)('the shipped nginx file', () => {
  it('spreads requests over all instances', async () => {
    const { ask, servers } = await start();
    const bodies = (await many(300, () => ask('/'))).map(({ body }) => body);
    expect(tally(bodies)).toEqual(Object.fromEntries(servers.map(({ port }) => [port, 100])));
  });

  it('can keep a session where it is', async () => {
    const { ask } = await start((file) => file.replace('# hash', 'hash').replaceAll(/.* backup .*/g, ''));
    const homes = await many(20, async (session) => {
      const headers = { 'mcp-session-id': `session ${session}` };
      return tally((await many(5, () => ask('/mcp', { headers }))).map(({ body }) => body));
    });
    expect(homes.map((home) => Object.values(home))).toEqual(homes.map(() => [5]));
    expect(new Set(homes.flatMap((home) => Object.keys(home))).size).toBeGreaterThan(1);
    expect(Object.keys(tally((await many(60, () => ask('/mcp'))).map(({ body }) => body)))).toHaveLength(3);
  });

  it('believes nothing that a client says of its way here, and passes on by which name it was called', async () => {
    const { ask, servers, nginx } = await start();
    const planted = {
      forwarded: 'for=10.0.0.1',
      'x-forwarded-for': '10.0.0.1',
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      'x-real-ip': '10.0.0.1',
      mcp_session_id: 'planted',
      'x-kept': 'kept',
    };
    await ask('/mcp', { headers: planted });
    const [{ headers }] = servers.flatMap(({ received }) => received) as [IncomingMessage];
    const { host } = new URL(nginx.origin);
    expect(headers).toMatchObject({
      host,
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-host': host,
      'x-forwarded-proto': 'http',
      'x-real-ip': '127.0.0.1',
      'x-kept': 'kept',
    });
    expect(Object.keys(headers)).not.toContain('forwarded');
    expect(Object.keys(headers)).not.toContain('mcp_session_id');
  });

  it('lets events out as they come, and takes a body up to the cap', async () => {
    const { nginx, servers, ask } = await start();
    let end = (): void => undefined;
    for (const server of servers)
      server.answer = (_, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
        end = () => void response.end();
      };
    const answer = await fetch(`${nginx.origin}/mcp`);
    const { value } = await answer.body!.getReader().read();
    expect(new TextDecoder().decode(value)).toBe('data: 1\n\n');
    end();
    for (const server of servers) server.answer = (_, response) => void response.end('taken');
    expect((await ask('/mcp', { body: 'x'.repeat(4 << 20) })).body).toBe('taken');
    expect((await ask('/mcp', { body: 'x'.repeat((4 << 20) + 1) })).status).toBe(413);
  });

  it('takes another instance when one is gone', async () => {
    const { ask, servers } = await start();
    await servers[1].close();
    const answers = await many(90, (at) =>
      ask('/mcp', { method: at % 2 === 0 ? 'POST' : 'GET', body: '{}' }),
    );
    expect(tally(answers.map(({ status }) => status))).toEqual({ 200: 90 });
  });

  it('never sends a call twice, and asks again for what changes nothing', async () => {
    const { ask, servers } = await start();
    for (const server of servers) server.answer = ({ socket }) => void socket.destroy();
    expect((await ask('/mcp', { method: 'POST', body: '{}' })).status).toBe(502);
    const sofar = (): number => servers.reduce((sum, { received }) => sum + received.length, 0);
    expect(sofar()).toBe(1);
    expect((await ask('/mcp', { method: 'GET' })).status).toBe(502);
    expect(sofar()).toBeGreaterThan(1);
  });

  it('gives an instance whose health fails no more calls, and nobody notices', async () => {
    // Longer than this test may take.
    const { ask, servers } = await start((file) => file.replaceAll('fail_timeout=5s', 'fail_timeout=120s'));
    const [leaving] = servers;
    leaving.answer = ({ url }, response) =>
      url === '/health' ? void response.writeHead(503).end('{}') : void response.end(String(leaving.port));
    const asked = await many(6, () => ask('/health', { method: 'GET' }));
    expect(tally(asked.map(({ status }) => status))).toEqual({ 200: 6 });
    const sofar = leaving.received.length;
    expect(sofar).toBeGreaterThan(0);
    const answers = await many(60, () => ask('/mcp', { method: 'POST', body: '{}' }));
    expect(tally(answers.map(({ status }) => status))).toEqual({ 200: 60 });
    expect(leaving.received).toHaveLength(sofar);
  });

  it('when all of them fail, asks them all the same, and still none twice', async () => {
    const { ask, servers } = await start();
    for (const server of servers)
      server.answer = ({ url }, response) =>
        url === '/health' ? void response.writeHead(503).end('{}') : void response.end('answered');
    const asked = await many(6, () => ask('/health', { method: 'GET' }));
    expect(tally(asked.map(({ status }) => status))).toEqual({ 502: 6 });
    const calls = await many(60, () => ask('/mcp', { method: 'POST', body: '{}' }));
    expect(tally(calls.map(({ body }) => body))).toEqual({ answered: 60 });
    for (const server of servers) server.answer = ({ socket }) => void socket.destroy();
    const sofar = servers.flatMap(({ received }) => received).length;
    expect((await ask('/mcp', { method: 'POST', body: '{}' })).status).toBe(502);
    expect(servers.flatMap(({ received }) => received)).toHaveLength(sofar + 1);
  });

  it('passes a refusal of a single call on, and takes nobody out for it', async () => {
    const { ask, servers } = await start();
    const [busy] = servers;
    busy.answer = (_, response) => void response.writeHead(503, { 'retry-after': '1' }).end('{}');
    const answers = await many(90, () => ask('/mcp', { method: 'POST', body: '{}' }));
    expect(tally(answers.map(({ status }) => status))).toEqual({ 200: 60, 503: 30 });
  });

  it('keeps addresses between instances, and figures, from the outside', async () => {
    const { ask, servers } = await start();
    for (const path of ['/internal/mcp', '/internal/', '/metrics', '//internal/mcp', '/x/../internal/mcp'])
      expect((await ask(path, { method: 'POST', body: '{}' })).status).toBe(404);
    expect(servers.flatMap(({ received }) => received)).toEqual([]);
  });

  it('ends what it asks when the client has gone', async () => {
    const { nginx, servers } = await start();
    const gone = Promise.withResolvers<void>();
    for (const server of servers)
      server.answer = (_, response) => {
        response.writeHead(200).write('x');
        void once(response, 'close').then(() => gone.resolve());
      };
    const stop = new AbortController();
    await fetch(`${nginx.origin}/mcp`, { signal: stop.signal });
    stop.abort();
    await gone.promise;
  });
});
