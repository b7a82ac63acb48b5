import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { forbiddenAddresses, localNames } from './fixtures/forbidden-hosts.ts';
import { openGuardedFetch } from './guarded-fetch.ts';

// Every way we know to write an address that must not be reached (SSRF), given to a fetch for URLs from outside while a
// server listens on every address of this machine, on the port that is asked for. It must never see a connection.

let server: Server;
let port: number;
let connections = 0;

beforeAll(async () => {
  server = createServer((_, response) => response.end('secret')).on('connection', () => connections++);
  await new Promise<void>((resolve) => server.listen(0, '::', resolve));
  port = (server.address() as AddressInfo).port;
});

afterAll(() => new Promise((resolve) => server.close(resolve)));

/** Names of the public network, and what their owner's DNS says. */
const rebound: Readonly<Record<string, readonly string[]>> = {
  'loop.example': ['127.0.0.1'],
  'loop6.example': ['::1'],
  'mapped.example': ['::ffff:127.0.0.1'],
  'private.example': ['192.168.0.10'],
  'metadata.example': ['169.254.169.254'],
  'metadata6.example': ['fd00:ec2::254'],
  'zone.example': ['fe80::1%lo'],
  'any.example': ['0.0.0.0'],
  'nat64.example': ['64:ff9b::7f00:1'],
  'one-of-two.example': ['93.184.215.14', '127.0.0.1'],
  'other-of-two.example': ['127.0.0.1', '93.184.215.14'],
  'words.example': ['localhost'],
  '127.0.0.1.nip.example': ['127.0.0.1'],
};

/** Whole URLs; PORT is the server's. */
const urls = [
  'http://public.example/',
  'ftp://public.example/',
  'file:///etc/passwd',
  'data:text/plain,secret',
  'blob:https://public.example/1',
  'javascript:fetch',
  'gopher://127.0.0.1:PORT/_GET',
  'unix:/var/run/docker.sock',
  'http+unix://%2Fvar%2Frun%2Fdocker.sock/info',
  'https://user@public.example/',
  'https://user:password@public.example/',
  'https://public.example@127.0.0.1:PORT/',
  'https://public.example:secret@127.0.0.1:PORT/',
  'https://127.0.0.1:PORT#@public.example/',
  'https://127.0.0.1:PORT?@public.example/',
  'https://127.0.0.1:PORT\\@public.example/',
  'https:127.0.0.1:PORT',
  'https:\\\\127.0.0.1:PORT\\',
  'https:/127.0.0.1:PORT/',
  ' https://127.0.0.1:PORT/',
  'ht\ntps://127.0.0.1:PORT/',
  'https://127.0.\t0.1:PORT/',
  'https://127.0.0.1%00.public.example:PORT/',
  'https://public.example:22/',
  'https://public.example:25/',
  'https://public.example:0/',
  'https://public.example:6667/',
  'https://public.example:65536/',
  'https://256.256.256.256/',
  'https://1.2.3.4.5/',
  'https:///',
  'https://[::1',
  '//127.0.0.1:PORT/',
  '/etc/passwd',
  '',
];

const lookedUp: string[] = [];
const lookup = async (name: string): Promise<readonly string[]> => {
  lookedUp.push(name);
  return rebound[name] ?? ['127.0.0.1'];
};

async function refused(url: string, allow = {}): Promise<void> {
  const fetch = openGuardedFetch({ allow, lookup, bytesMax: 1024, timeoutMs: 30_000 });
  connections = 0;
  await expect(fetch(url)).rejects.toMatchObject({ code: 'address_forbidden' });
  expect(connections).toBe(0);
}

describe('a URL from outside is refused and nothing is connected to', () => {
  it.each(forbiddenAddresses)('with the address %j', async (host) => {
    lookedUp.length = 0;
    await refused(`https://${host}:${port}/`);
    await refused(`http://${host}:${port}/`, { http: true });
    expect(lookedUp).toEqual([]);
  });

  it.each(localNames)('with the local name %j, without asking a resolver', async (name) => {
    lookedUp.length = 0;
    await refused(`https://${name}:${port}/`);
    expect(lookedUp).toEqual([]);
  });

  it.each(Object.keys(rebound))('with the name %j', async (name) => {
    await refused(`https://${name}:${port}/`);
    await refused(`http://${name}:${port}/`, { http: true });
  });

  it.each(urls)('written %j', (url) => refused(url.replaceAll('PORT', String(port))));
});

/** What no reach covers, however it is written. */
const nobodys = [
  '0.0.0.0',
  '169.254.1.1',
  '169.254.169.254',
  '2852039166',
  '0xA9FEA9FE',
  '0251.0376.0251.0376',
  '168.63.129.16',
  '100.100.100.200',
  '255.255.255.255',
  '[::]',
  '[fe80::1]',
  '[fd00:ec2::254]',
  '[::ffff:127.0.0.1]',
  '[::ffff:169.254.169.254]',
  '[64:ff9b::a9fe:a9fe]',
  '[2002:a9fe:a9fe::]',
  'metadata.example',
  'metadata6.example',
];

describe('where the own network is allowed', () => {
  it.each(nobodys)('%j is refused all the same', (host) =>
    refused(`http://${host}:${port}/`, { http: true, private: true }),
  );

  it('one named host does not open the others', async () => {
    const allow = { http: true, hosts: ['named.example'] };
    await refused(`http://other.example:${port}/`, allow);
    await refused(`http://a.named.example:${port}/`, allow);
    await refused(`http://named.example.:${port}/`, allow);
    await refused(`http://127.0.0.1:${port}/`, allow);
    const fetch = openGuardedFetch({ allow, lookup, bytesMax: 1024, timeoutMs: 30_000 });
    expect(await (await fetch(`http://named.example:${port}/`)).text()).toBe('secret');
  });
});
