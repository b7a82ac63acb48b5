import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openGuardedFetch } from './guarded-fetch.ts';
import { nextHop, type Hop } from './redirect.ts';

let server: Server;
let base: string;
let seen: { url: string; method: string; headers: IncomingMessage['headers'] }[];
let answer: (path: string) => { status: number; location: string } | undefined;

beforeEach(async () => {
  seen = [];
  server = createServer((request, response) => {
    const { url = '', method = '', headers } = request;
    seen.push({ url, method, headers });
    const redirect = answer(url);
    if (redirect === undefined) response.end('here');
    else response.writeHead(redirect.status, { location: redirect.location }).end('there');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `:${(server.address() as AddressInfo).port}`;
});

afterEach(() => new Promise((resolve) => server.close(resolve)));

const names: Readonly<Record<string, readonly string[]>> = {
  'rebound.example': ['169.254.169.254'],
};
const fetch = openGuardedFetch({
  allow: { http: true, private: true },
  lookup: async (name) => names[name] ?? ['127.0.0.1'],
  bytesMax: 1024,
  timeoutMs: 30_000,
});
const secrets = {
  authorization: 'Bearer a',
  cookie: 'b=c',
  dpop: 'd',
  'x-api-key': 'e',
  accept: 'text/plain',
};

describe('redirects', () => {
  it('are followed three times and not a fourth', async () => {
    answer = (path) =>
      path === '/3' ? undefined : { status: 302, location: `/${Number(path.slice(1)) + 1}` };
    const response = await fetch(`http://a.example${base}/0`);
    expect([await response.text(), response.url]).toEqual(['here', `http://a.example${base}/3`]);
    answer = () => ({ status: 302, location: '/' });
    seen = [];
    await expect(fetch(`http://a.example${base}/`)).rejects.toMatchObject({ code: 'redirect_forbidden' });
    expect(seen).toHaveLength(4);
  });

  it.each([
    'http://169.254.169.254/latest/meta-data/',
    'http://[::ffff:a9fe:a9fe]/',
    'http://0xA9FEA9FE/',
    '//169.254.169.254/',
    'http://rebound.example/',
    'http://user:password@a.example/',
    'http://a.example:25/',
    'file:///etc/passwd',
    'gopher://127.0.0.1/',
    'data:text/plain,secret',
  ])('to %s are refused', async (location) => {
    answer = (path) => (path === '/' ? { status: 302, location } : undefined);
    await expect(fetch(`http://a.example${base}/`)).rejects.toMatchObject({ code: 'address_forbidden' });
    expect(seen).toHaveLength(1);
  });

  it('to what is no address are refused', async () => {
    answer = () => ({ status: 302, location: 'http://[::1' });
    await expect(fetch(`http://a.example${base}/`)).rejects.toMatchObject({ code: 'redirect_forbidden' });
  });

  it('keep the headers within an origin', async () => {
    answer = (path) => (path === '/' ? { status: 307, location: '/next' } : undefined);
    await fetch(`http://a.example${base}/`, { headers: secrets });
    expect(seen[1]?.headers).toMatchObject(secrets);
  });

  it('take no credential to another origin, nor back', async () => {
    answer = (path) => {
      if (path === '/') return { status: 302, location: `http://b.example${base}/away` };
      return path === '/away' ? { status: 302, location: `http://a.example${base}/back` } : undefined;
    };
    await fetch(`http://a.example${base}/`, { headers: secrets });
    expect(seen.map(({ url }) => url)).toEqual(['/', '/away', '/back']);
    for (const { headers } of seen.slice(1)) {
      expect(headers.accept).toBe('text/plain');
      for (const name of ['authorization', 'cookie', 'dpop', 'x-api-key'])
        expect(headers).not.toHaveProperty(name);
    }
  });

  it('count another port as another origin', async () => {
    answer = () => undefined;
    const hop = { ...start, url: new URL('https://a.example/') };
    expect(nextHop(hop, 302, 'https://a.example:8443/').headers).toEqual({ accept: 'x' });
  });

  it('are given back or refused when the caller says so', async () => {
    answer = () => ({ status: 302, location: 'http://169.254.169.254/' });
    const response = await fetch(`http://a.example${base}/`, { redirect: 'manual' });
    expect([response.status, response.headers.get('location')]).toEqual([302, 'http://169.254.169.254/']);
    await expect(fetch(`http://a.example${base}/`, { redirect: 'error' })).rejects.toMatchObject({
      code: 'redirect_forbidden',
    });
  });
});

const start: Hop = {
  url: new URL('https://a.example/'),
  method: 'GET',
  headers: { accept: 'x', authorization: 'y', 'content-type': 'z' },
  body: null,
};

describe('the next hop', () => {
  it.each(['http://a.example/', 'http://a.example:443/', 'http://b.example/', 'ws://a.example/'])(
    'never leaves https for %s',
    (location) => {
      expect(() => nextHop(start, 301, location)).toThrow(
        expect.objectContaining({ code: 'redirect_forbidden' }) as Error,
      );
    },
  );

  it('stays in https or comes to it', () => {
    expect(nextHop(start, 301, '//b.example/').url.href).toBe('https://b.example/');
    expect(
      nextHop({ ...start, url: new URL('http://a.example/') }, 301, 'https://a.example/').url.protocol,
    ).toBe('https:');
  });

  it.each([
    [301, 'POST', 'GET'],
    [302, 'POST', 'GET'],
    [303, 'POST', 'GET'],
    [303, 'PUT', 'GET'],
    [303, 'HEAD', 'HEAD'],
    [302, 'PUT', 'PUT'],
    [307, 'POST', 'POST'],
    [308, 'POST', 'POST'],
  ])('after %i of a %s is a %s', (status, method, expected) => {
    const body = method === 'HEAD' ? null : Buffer.from('b');
    const next = nextHop({ ...start, method, body }, status, '/next');
    expect([next.method, next.body]).toEqual([expected, expected === 'GET' ? null : body]);
    expect('content-type' in next.headers).toBe(expected !== 'GET');
  });

  it('takes no request body to another origin', () => {
    const post = { ...start, method: 'POST', body: Buffer.from('client_secret=s') };
    expect(() => nextHop(post, 307, 'https://b.example/')).toThrow(
      expect.objectContaining({ code: 'redirect_forbidden' }) as Error,
    );
    expect(nextHop(post, 303, 'https://b.example/').body).toBeNull();
  });
});
