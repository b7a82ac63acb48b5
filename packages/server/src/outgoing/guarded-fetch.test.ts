import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { brotliCompressSync, constants, deflateRawSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { selfSigned } from './fixtures/self-signed.ts';
import { openGuardedFetch, type GuardedFetchSettings } from './guarded-fetch.ts';

type Answerer = (request: IncomingMessage, response: ServerResponse) => void;

const servers: Server[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) {
    if ('closeAllConnections' in server) (server as ReturnType<typeof createServer>).closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** @returns the port */
async function serve(answerer: Answerer, host = '127.0.0.1', port = 0): Promise<number> {
  const server = createServer(answerer);
  servers.push(server);
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, host, resolve));
  return (server.address() as AddressInfo).port;
}

const own = { http: true, private: true };

function open(settings: Partial<GuardedFetchSettings> = {}) {
  const lookup = async () => ['127.0.0.1'];
  return openGuardedFetch({ allow: own, lookup, bytesMax: 64 * 1024, timeoutMs: 10_000, ...settings });
}

describe('an answer', () => {
  it('is a Response with status, headers, body and url', async () => {
    const port = await serve((_, response) =>
      response.writeHead(404, { 'content-type': 'application/json' }).end('{"a":1}'),
    );
    const response = await open()(`http://a.example:${port}/x?y=1#z`);
    expect(response).toBeInstanceOf(Response);
    expect([response.status, response.ok, response.url]).toEqual([
      404,
      false,
      `http://a.example:${port}/x?y=1`,
    ]);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(await response.json()).toEqual({ a: 1 });
  });

  it.each([
    ['gzip', gzipSync('hello')],
    ['br', brotliCompressSync('hello')],
  ])('is decoded from %s', async (encoding, bytes) => {
    const port = await serve((_, response) =>
      response.writeHead(200, { 'content-encoding': encoding }).end(bytes),
    );
    const response = await open()(`http://a.example:${port}/`);
    expect(await response.text()).toBe('hello');
    expect(response.headers.has('content-encoding')).toBe(false);
  });

  it('has no body after HEAD and 204', async () => {
    const port = await serve((request, response) =>
      response.writeHead(request.method === 'HEAD' ? 200 : 204, { 'content-encoding': 'gzip' }).end(),
    );
    expect((await open()(`http://a.example:${port}/`, { method: 'HEAD' })).body).toBeNull();
    expect((await open()(`http://a.example:${port}/`)).status).toBe(204);
  });
});

describe('a request', () => {
  it('names the host that was asked for, carries its body, and lets no caller frame the message', async () => {
    const seen: IncomingMessage['headers'][] = [];
    let body = '';
    const port = await serve((request, response) => {
      seen.push(request.headers);
      request.on('data', (chunk: Buffer) => (body += chunk.toString())).on('end', () => response.end());
    });
    await open()(new URL(`http://a.example:${port}/`), {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'x' }),
      headers: {
        host: 'evil.example',
        'proxy-authorization': 'p',
        te: 'trailers',
        authorization: 'Bearer a',
      },
    });
    expect(body).toBe('grant_type=x');
    expect(seen[0]).toMatchObject({
      host: `a.example:${port}`,
      authorization: 'Bearer a',
      'content-type': 'application/x-www-form-urlencoded;charset=UTF-8',
      connection: 'close',
    });
    expect(seen[0]).not.toHaveProperty('proxy-authorization');
    expect(seen[0]).not.toHaveProperty('te');
  });

  it('may be a Request', async () => {
    const port = await serve((request, response) => request.pipe(response));
    const request = new Request(`http://a.example:${port}/`, { method: 'PUT', body: 'echo' });
    expect(await (await open()(request)).text()).toBe('echo');
    await expect(open()(new Request('http://169.254.169.254/'))).rejects.toMatchObject({
      code: 'address_forbidden',
    });
  });

  it('goes to the address that was judged: a resolver that changes its answer is asked once', async () => {
    let canary = 0;
    const port = await serve((_, response) => response.end('judged'));
    await serve((_, response) => response.end(String(canary++)), '127.0.0.2', port);
    const answers = [['127.0.0.1'], ['127.0.0.2'], ['169.254.169.254']];
    let asked = 0;
    const fetch = open({ lookup: async () => answers[asked++] ?? [] });
    expect(await (await fetch(`http://a.example:${port}/`)).text()).toBe('judged');
    expect([asked, canary]).toEqual([1, 0]);
    expect(await (await fetch(`http://a.example:${port}/`)).text()).toBe('0');
    await expect(fetch(`http://a.example:${port}/`)).rejects.toMatchObject({ code: 'address_forbidden' });
    expect(asked).toBe(3);
  });

  it('tries the next address of a name when nothing listens at the first', async () => {
    const port = await serve((_, response) => response.end('second'));
    const fetch = open({ lookup: async () => ['127.0.0.3', '127.0.0.1'] });
    expect(await (await fetch(`http://a.example:${port}/`)).text()).toBe('second');
  });

  it('is judged anew for a name that had been fine: nothing is kept open from before', async () => {
    let requests = 0;
    const port = await serve((_, response) => response.end(String(requests++)));
    let answer = ['127.0.0.1'];
    const fetch = open({ allow: { http: true, hosts: ['a.example'] }, lookup: async () => answer });
    await fetch(`http://a.example:${port}/`);
    answer = ['127.0.0.1', '169.254.169.254'];
    await expect(fetch(`http://a.example:${port}/`)).rejects.toMatchObject({ code: 'address_forbidden' });
    expect(requests).toBe(1);
  });

  it('asks TLS for the name, not the address, and sends nothing under a certificate that nobody vouches for', async () => {
    let requests = 0;
    const asked: string[] = [];
    const server = createTlsServer(
      {
        ...selfSigned(),
        SNICallback: (name, done) => {
          asked.push(name);
          done(null);
        },
      },
      (_, response) => response.end(String(requests++)),
    );
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await expect(open()(`https://a.example:${port}/`)).rejects.toMatchObject({
      code: 'fetch_failed',
      detail: 'DEPTH_ZERO_SELF_SIGNED_CERT',
    });
    expect(asked).toEqual(['a.example']);
    expect(requests).toBe(0);
  });
});

describe('what is too much is broken off', () => {
  const gzipBomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
  const brotliBomb = brotliCompressSync(Buffer.alloc(64 * 1024 * 1024), {
    params: { [constants.BROTLI_PARAM_QUALITY]: 1 },
  });
  it.each<readonly [string, Answerer]>([
    ['a long body', (_, response) => response.end(Buffer.alloc(65 * 1024))],
    [
      'an endless body',
      (_, response) => void setInterval(() => response.write(Buffer.alloc(1024)), 1).unref(),
    ],
    [
      'a body that says it is long',
      (_, response) => response.writeHead(200, { 'content-length': 1e12 }).write('a'),
    ],
    ['a gzip bomb', (_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipBomb)],
    ['a brotli bomb', (_, response) => response.writeHead(200, { 'content-encoding': 'br' }).end(brotliBomb)],
    [
      'an endless gzip of nothing',
      (_, response) => {
        response.writeHead(200, { 'content-encoding': 'gzip' }).write(gzipSync('').subarray(0, 10));
        const nothing = Buffer.from([0, 0, 0, 0xff, 0xff]);
        setInterval(() => response.write(Buffer.concat(Array<Buffer>(400).fill(nothing))), 1).unref();
      },
    ],
  ])('%s', async (_, answerer) => {
    const port = await serve(answerer);
    await expect(open()(`http://a.example:${port}/`)).rejects.toMatchObject({ code: 'answer_too_large' });
  });

  it.each<readonly [string, Answerer]>([
    [
      'several encodings',
      (_, response) => response.writeHead(200, { 'content-encoding': 'gzip, gzip' }).end('a'),
    ],
    [
      'an unknown encoding',
      (_, response) => response.writeHead(200, { 'content-encoding': 'zstd' }).end('a'),
    ],
    [
      'a broken encoding',
      (_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(deflateRawSync('a')),
    ],
    ['headers without end', (_, response) => response.writeHead(200, { x: 'a'.repeat(17 * 1024) }).end()],
    ['a status that is none', (_, response) => response.writeHead(700).end()],
    [
      'a body that breaks off',
      (_, response) => {
        response.writeHead(200, { 'content-length': 10 }).write('a');
        setTimeout(() => response.destroy(), 20);
      },
    ],
    ['no answer', (request) => request.destroy()],
  ])('%s', async (_, answerer) => {
    const port = await serve(answerer);
    await expect(open()(`http://a.example:${port}/`)).rejects.toMatchObject({ code: 'fetch_failed' });
  });

  it.each<readonly [string, Answerer]>([
    ['no headers', () => undefined],
    ['a body without end', (_, response) => response.writeHead(200).write('a')],
    ['one byte at a time', (_, response) => void setInterval(() => response.write('a'), 50).unref()],
    [
      'redirects that take their time',
      (_, response) => void setTimeout(() => response.writeHead(302, { location: '/' }).end(), 150),
    ],
  ])('%s', async (_, answerer) => {
    const port = await serve(answerer);
    const fetch = open({ timeoutMs: 300 });
    await expect(fetch(`http://a.example:${port}/`)).rejects.toMatchObject({ code: 'fetch_timeout' });
  });

  it('a resolver that never answers, and a caller who gives up', async () => {
    const lookup = () => new Promise<never>(() => undefined);
    await expect(open({ lookup, timeoutMs: 200 })('http://a.example/')).rejects.toMatchObject({
      code: 'fetch_timeout',
    });
    const reason = new Error('enough');
    const signal = AbortSignal.abort(reason);
    await expect(open({ lookup })('http://a.example/', { signal })).rejects.toBe(reason);
    const later = new AbortController();
    const sent = open({ lookup })('http://a.example/', { signal: later.signal });
    later.abort(reason);
    await expect(sent).rejects.toBe(reason);
  });

  it('a name without an address', async () => {
    await expect(open({ lookup: async () => [] })('http://a.example/')).rejects.toMatchObject({
      code: 'fetch_failed',
      detail: 'ENOTFOUND',
    });
  });
});
