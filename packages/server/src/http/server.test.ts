import { once } from 'node:events';
import { request as ask, type IncomingHttpHeaders } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { refuse } from '../errors.ts';
import type { Exchange } from './exchange.ts';
import { httpDefaults, openHttp, type HttpServer, type HttpSettings } from './server.ts';

type Handle = (exchange: Exchange<string>) => Promise<void> | void;

const faults: unknown[] = [];
const running: HttpServer[] = [];
beforeEach(() => void faults.splice(0));
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.drain(0)));
});

async function start(handle: Handle, settings: Partial<HttpSettings> = {}): Promise<HttpServer> {
  const server = await openHttp<string>(
    { ...httpDefaults, host: '127.0.0.1', port: 0, frontendUrl: undefined, ...settings },
    {
      mcp: {
        async admit({ rawHeaders, address }) {
          if (!rawHeaders.includes('Bearer good')) throw refuse('unauthorized', 'sign in');
          return { admitted: `ann at ${address.upstream}`, headers: { ratelimit: '"mcp";r=1;t=0' } };
        },
        handle: async (exchange) => handle(exchange),
        challenge: (address) => `Bearer scope="${address.upstream}"`,
      },
      routes: (app) => {
        const config = { guard: 'public' } as const;
        app.post('/api/json', { config }, (request) => ({ got: request.body }));
        app.get('/api/fault', { config }, () => {
          throw new Error('s3cret');
        });
      },
      health: async () => ({ well: true, facts: { version: 'x' } }),
      onFault: (error) => void faults.push(error),
      now: () => Date.now(),
    },
  );
  running.push(server);
  return server;
}

interface Got {
  readonly status: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

function send(
  server: HttpServer,
  method: string,
  path: string,
  more: { body?: string | Buffer; headers?: Record<string, string> } = {},
): Promise<Got> {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: 'Bearer good',
      'content-type': 'application/json',
      connection: 'close',
      ...more.headers,
    };
    const request = ask({ host: '127.0.0.1', port: server.port, method, path, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode,
          headers: response.headers,
          text: Buffer.concat(chunks).toString(),
        }),
      );
    });
    request.on('error', reject);
    request.end(more.body);
  });
}

/** Send bytes and collect what comes until the server closes. */
async function raw(server: HttpServer, text: string): Promise<string> {
  const socket = connect(server.port, '127.0.0.1');
  return finish(socket, text);
}

async function finish(socket: Socket, text: string): Promise<string> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', () => undefined);
  socket.write(text);
  await once(socket, 'close');
  return Buffer.concat(chunks).toString();
}

const answer: Handle = ({ reply, body }) => reply.send(200, { 'content-type': 'application/json' }, body);

describe('an MCP request', () => {
  it('comes to the handler with its bytes, its caller and an id, and goes back with the rate headers', async () => {
    const seen: unknown[] = [];
    const server = await start((exchange) => {
      seen.push(exchange.admitted, exchange.method, exchange.address, exchange.requestId);
      return answer(exchange);
    });
    const odd = '{"n":1.0, "n2":"\\u00e9"}';
    const got = await send(server, 'POST', '/mcp/shop', { body: odd });
    expect(got).toMatchObject({
      status: 200,
      text: odd,
      headers: { 'content-length': String(odd.length), ratelimit: '"mcp";r=1;t=0' },
    });
    expect(seen).toEqual([
      'ann at shop',
      'POST',
      { group: undefined, upstream: 'shop' },
      expect.stringMatching(/^[0-9a-f-]{14}7/),
    ]);
    expect(got.headers).not.toHaveProperty('x-powered-by');
  });

  it('may be a GET or a DELETE, also with a content type and no body', async () => {
    const server = await start(({ reply, body }) => reply.send(204, {}, body));
    expect((await send(server, 'GET', '/mcp/shop')).status).toBe(204);
    expect((await send(server, 'DELETE', '/mcp/shop')).status).toBe(204);
  });

  it.each(['PUT', 'PATCH', 'OPTIONS'])(
    'is refused as %s, with the methods that are allowed',
    async (method) => {
      const got = await send(await start(answer), method, '/mcp/shop');
      expect(got).toMatchObject({ status: 405, headers: { allow: 'POST, GET, DELETE' } });
      expect(JSON.parse(got.text)).toMatchObject({
        jsonrpc: '2.0',
        error: { data: { code: 'method_not_allowed' } },
      });
    },
  );

  it('without a caller is refused before its body is read', async () => {
    const server = await start(answer);
    const got = await send(server, 'POST', '/mcp/shop', {
      headers: { authorization: 'Bearer bad' },
      body: '{}',
    });
    expect(got).toMatchObject({ status: 401, headers: { 'www-authenticate': 'Bearer scope="shop"' } });
    const head = `POST /mcp/shop HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n`;
    const socket = connect(server.port, '127.0.0.1');
    socket.write(head);
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    expect(chunk.toString()).toMatch(/^HTTP\/1\.1 401 /);
    socket.destroy();
  });

  it('that is too large is refused, announced or not', async () => {
    const server = await start(answer, { bodyBytesMax: 1000 });
    expect(await send(server, 'POST', '/mcp/shop', { body: Buffer.alloc(1001, 'x') })).toMatchObject({
      status: 413,
    });
    const chunked = `POST /mcp/shop HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nAuthorization: Bearer good\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n${'x'.repeat(2000)}\r\n0\r\n\r\n`;
    expect(await raw(server, chunked)).toMatch(/^HTTP\/1\.1 413 [^]*body_too_large/);
    expect((await send(server, 'POST', '/mcp/shop', { body: Buffer.alloc(1000, 'x') })).status).toBe(200);
  });

  it('that is refused says so with its JSON-RPC id; a fault tells only the request’s id', async () => {
    const server = await start((exchange) => {
      exchange.messageId = 7;
      throw exchange.body.byteLength > 2 ? new Error('s3cret') : refuse('tool_denied', 'no');
    });
    expect(JSON.parse((await send(server, 'POST', '/mcp/shop', { body: '{}' })).text)).toMatchObject({
      id: 7,
      error: { message: 'no' },
    });
    const fault = await send(server, 'POST', '/mcp/shop', { body: '{"a":1}' });
    expect(fault).toMatchObject({ status: 500, text: expect.not.stringContaining('s3cret') as unknown });
    expect(faults).toEqual([expect.objectContaining({ message: 's3cret' })]);
  });

  it('whose answer breaks off after it began is cut, so that the client sees it', async () => {
    const server = await start(({ reply }) => {
      reply.head(200, { 'content-type': 'text/event-stream' });
      throw new Error('in the middle');
    });
    await expect(send(server, 'POST', '/mcp/shop', { body: '{}' })).rejects.toThrow('aborted');
  });

  it('learns that its client has gone, and only then', async () => {
    const signals: AbortSignal[] = [];
    const server = await start(({ signal, reply, body }) => {
      signals.push(signal);
      if (body.byteLength > 2) reply.head(200, { 'content-type': 'text/event-stream' });
      else reply.send(200, {}, body);
    });
    await send(server, 'POST', '/mcp/shop', { body: '{}' });
    expect(signals[0]?.aborted).toBe(false);
    const socket = connect(server.port, '127.0.0.1');
    socket.write(
      `POST /mcp/shop HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nAuthorization: Bearer good\r\nContent-Length: 7\r\n\r\n{"a":1}`,
    );
    await once(socket, 'data');
    const gone = once(signals[1] as AbortSignal, 'abort');
    socket.destroy();
    await gone;
  });

  it('stops an answer whose reader is slow, and goes on when it reads', async () => {
    let writes = 0;
    let stopped = (): void => undefined;
    const full = new Promise<void>((resolve) => (stopped = resolve));
    const chunk = Buffer.alloc(256 * 1024, 'x');
    const server = await start(async ({ reply }) => {
      reply.head(200, { 'content-type': 'text/event-stream' });
      for (; writes < 64; writes++) {
        const taken = reply.write(chunk);
        if (taken === true) continue;
        stopped();
        await taken;
      }
      reply.end();
    });
    const socket = connect(server.port, '127.0.0.1').pause();
    socket.write(
      `GET /mcp/shop HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nAuthorization: Bearer good\r\nConnection: close\r\n\r\n`,
    );
    await full;
    expect(writes).toBeLessThan(64);
    let bytes = 0;
    socket.on('data', (data: Buffer) => (bytes += data.byteLength)).resume();
    await once(socket, 'close');
    expect(bytes).toBeGreaterThan(64 * chunk.byteLength);
  });
});

describe('the server', () => {
  it('refuses another host name and another origin, and lets a health check pass by address', async () => {
    const server = await start(answer);
    const evil = { headers: { host: 'evil.example' } };
    expect(JSON.parse((await send(server, 'POST', '/mcp/shop', { ...evil, body: '{}' })).text)).toMatchObject(
      { error: { data: { code: 'host_forbidden' } } },
    );
    expect(await send(server, 'POST', '/api/json', evil)).toMatchObject({ status: 403 });
    expect(
      await send(server, 'POST', '/mcp/shop', { headers: { origin: 'https://evil.example' }, body: '{}' }),
    ).toMatchObject({ status: 403 });
    expect(await send(server, 'GET', '/health', evil)).toMatchObject({ status: 200 });
    expect(await send(server, 'GET', '/health/live', evil)).toMatchObject({ status: 200 });
  });

  it('gives other routes parsed JSON and answers their faults and misses in plain JSON', async () => {
    const server = await start(answer);
    expect((await send(server, 'POST', '/api/json', { body: '{"a":1}' })).text).toBe('{"got":{"a":1}}');
    expect(JSON.parse((await send(server, 'POST', '/api/json', { body: '{' })).text)).toMatchObject({
      error: { code: 'body_invalid' },
    });
    expect(await send(server, 'GET', '/api/fault')).toMatchObject({
      status: 500,
      text: expect.not.stringContaining('s3cret') as unknown,
    });
    for (const path of ['/nothing', '/mcp/a/b', '/mcp/%zz', '/health/x', `/mcp/${'a'.repeat(200)}`])
      expect(await send(server, 'GET', path)).toMatchObject({
        status: 404,
        text: expect.stringContaining('not_found') as unknown,
      });
  });

  it('does not wait for ever for headers or a body that drip in', async () => {
    const server = await start(answer, { headersMs: 200, requestMs: 400 });
    expect(await raw(server, 'POST /mcp/shop HTTP/1.1\r\nHost:')).toMatch(
      /^HTTP\/1\.1 408 [^]*request_timeout/,
    );
    const head = `POST /mcp/shop HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nAuthorization: Bearer good\r\nContent-Length: 10\r\n\r\n{`;
    expect(await raw(server, head)).toMatch(/^HTTP\/1\.1 408 /);
  });

  it('answers what is not HTTP and headers without end, and closes', async () => {
    const server = await start(answer);
    expect(await raw(server, 'hello\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 [^]*request_invalid/);
    expect(await raw(server, `GET /health HTTP/1.1\r\nX-A: ${'a'.repeat(40_000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 431 [^]*headers_too_large/,
    );
    const smuggled = `POST /mcp/shop HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`;
    expect(await raw(server, smuggled)).toMatch(/^HTTP\/1\.1 400 /);
  });

  it('refuses more calls than it takes at once', async () => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    let begun = (): void => undefined;
    const first = new Promise<void>((resolve) => (begun = resolve));
    const server = await start(
      async (exchange) => {
        begun();
        await held;
        await answer(exchange);
      },
      { callsMax: 1 },
    );
    const slow = send(server, 'POST', '/mcp/shop', { body: '{}' });
    await first;
    expect(await send(server, 'POST', '/mcp/shop', { body: '{}' })).toMatchObject({
      status: 503,
      headers: { 'retry-after': '1' },
    });
    release();
    expect((await slow).status).toBe(200);
    expect((await send(server, 'POST', '/mcp/shop', { body: '{}' })).status).toBe(200);
  });
});

it.each([
  [{ port: -1 }, /^port \d+ on 127\.0\.0\.1 is in use: .*PORT/],
  [{ host: '192.0.2.254' }, /^192\.0\.2\.254 is no address of this machine: set HOST/],
])('an address that cannot be had is refused with what to change', async (address, message) => {
  const { port } = await start(answer);
  const wanted = { ...address, ...('port' in address ? { port } : {}) };
  await expect(start(answer, wanted)).rejects.toMatchObject({
    code: 'config_invalid',
    message: expect.stringMatching(message) as string,
  });
});

describe('ending', () => {
  it('shows in health first; then calls finish, streams are cut and new calls find nobody', async () => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const begun: (() => void)[] = [];
    const both = Promise.all([0, 1].map(() => new Promise<void>((resolve) => begun.push(resolve))));
    const server = await start(async (exchange) => {
      if (exchange.method === 'GET') exchange.reply.head(200, { 'content-type': 'text/event-stream' });
      begun.pop()?.();
      if (exchange.method === 'GET') return;
      await held;
      await answer(exchange);
    });
    const call = send(server, 'POST', '/mcp/shop', { body: '{"a":1}' });
    const stream = send(server, 'GET', '/mcp/shop').catch(() => 'cut');
    await both;
    server.leave();
    expect((await send(server, 'GET', '/health')).status).toBe(503);
    expect((await send(server, 'GET', '/health/live')).status).toBe(200);
    const drained = server.drain(10_000);
    // In order, so that its client goes on elsewhere.
    expect(await stream).toMatchObject({ status: 200, text: '' });
    await expect(send(server, 'POST', '/mcp/shop', { body: '{}' })).rejects.toThrow('ECONNREFUSED');
    release();
    expect(await call).toMatchObject({ status: 200, text: '{"a":1}', headers: { connection: 'close' } });
    await drained;
    expect(server.running()).toBe(0);
    await expect(send(server, 'GET', '/health')).rejects.toThrow('ECONNREFUSED');
  });

  it('does not wait for a request that was begun and is never sent', async () => {
    const server = await start(answer);
    const slow = connect(server.port, '127.0.0.1').on('error', () => undefined);
    slow.write('POST /mcp/shop HTTP/1.1\r\nHost: ');
    expect((await send(server, 'GET', '/health')).status).toBe(200);
    const closed = once(slow, 'close');
    await server.drain(0);
    await closed;
  });

  it('does not wait for a client that sent no HTTP, was told so, and stays', async () => {
    const server = await start(answer);
    const staying = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
    staying.on('error', () => undefined).write('what?\r\n\r\n');
    const [told] = (await once(staying, 'data')) as [Buffer];
    expect(told.toString()).toMatch(/^HTTP\/1\.1 400 /);
    await server.drain(0);
    staying.destroy();
  });
});

it('does not start with a route that does not say what guards it', async () => {
  const mcp = {
    admit: async () => ({ admitted: 'ann', headers: {} }),
    handle: async () => undefined,
    challenge: () => 'Bearer',
  };
  const parts = {
    mcp,
    health: async () => ({ well: true, facts: {} }),
    onFault: () => undefined,
    now: Date.now,
  };
  const settings = { ...httpDefaults, host: '127.0.0.1', port: 0, frontendUrl: undefined };
  const starting = openHttp(settings, { ...parts, routes: (app) => void app.get('/open', () => 'x') });
  await expect(starting).rejects.toThrow('the route GET /open does not say what guards it');
});

it('lets pages of any origin use what is public, and nothing else', async () => {
  const server = await start(answer);
  const headers = { origin: 'https://evil.example' };
  expect((await send(server, 'POST', '/mcp/shop', { headers })).status).toBe(403);
  expect((await send(server, 'POST', '/api/json', { headers, body: '{}' })).status).toBe(200);
});
