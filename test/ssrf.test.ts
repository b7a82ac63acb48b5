import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { forbiddenAddresses, localNames } from '../packages/server/src/outgoing/fixtures/forbidden-hosts.ts';
import { selfSigned } from '../packages/server/src/outgoing/fixtures/self-signed.ts';
import { rawHttp } from './fixtures/raw-http.ts';
import { removeDataDir, startSealgate, type Running } from './start.ts';

// A stranger names an address inside the network as a client's metadata document. Behind it lies one that the gateway
// would take, under a certificate that it trusts, so nothing but the guard stands between.

let folder: string;
let server: Server;
let port: number;
let connections = 0;
let gateway: Running;

const callback = 'http://127.0.0.1:1/callback';
const startGateway = (env: Record<string, string>): Promise<Running> =>
  startSealgate({
    signedIn: false,
    env: { NODE_EXTRA_CA_CERTS: join(folder, 'inside.pem'), RATE_LIMIT_OAUTH_RPM: '10000', ...env },
  });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealgate-ssrf-'));
  const pair = selfSigned();
  await writeFile(join(folder, 'inside.pem'), pair.cert);
  server = createServer(pair, ({ url, headers }, response) => {
    const document = {
      client_id: `https://${headers.host}${url}`,
      redirect_uris: [callback],
      token_endpoint_auth_method: 'none',
    };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document));
  }).on('connection', () => connections++);
  await new Promise<void>((resolve) => server.listen(0, '::', resolve));
  port = (server.address() as AddressInfo).port;
  gateway = await startGateway({ NODE_ENV: 'production', AUTH_SECRET: randomBytes(48).toString('hex') });
});

afterAll(async () => {
  await gateway.stop();
  await removeDataDir(gateway.dataDir);
  await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true, force: true });
});

/** What somebody who names this client sees. */
async function authorize({ origin }: Running, clientId: string) {
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: callback,
    code_challenge: randomBytes(32).toString('base64url'),
    code_challenge_method: 'S256',
  });
  const { status, headers, body } = await rawHttp(`${origin}/authorize?${query}`, { method: 'GET' });
  return { status, location: headers.location, body };
}

/** Without what differs from request to request. */
const settled = (body: string, clientId: string): string =>
  body.replaceAll(clientId, 'CLIENT').replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}|[A-Za-z0-9_-]{20,}/g, 'ID');

describe('a client id that leads inside', () => {
  it('is followed where the own network is allowed, so that the rest of this proves something', async () => {
    const open = await startGateway({});
    const { status, location } = await authorize(open, `https://127.0.0.1:${port}/client.json`);
    expect([status, location]).toEqual([303, expect.stringMatching(/^(http:\/\/[^/]+)?\/interaction\//)]);
    expect(connections).toBe(1);
    await open.stop();
    await removeDataDir(open.dataDir);
  });

  it(`is not followed in production, in any of ${forbiddenAddresses.length + localNames.length} forms, and all are answered alike`, async () => {
    connections = 0;
    const answers = new Map<string, string>();
    for (const host of [...forbiddenAddresses, ...localNames]) {
      const clientId = `https://${host}:${port}/client.json`;
      const { status, location, body } = await authorize(gateway, clientId);
      expect([host, status >= 400, location]).toEqual([host, true, undefined]);
      // What is no address at all is said to be none, which tells nothing of the network.
      if (URL.canParse(clientId)) answers.set(`${status} ${settled(body, clientId)}`, host);
    }
    expect(connections).toBe(0);
    expect([...answers]).toHaveLength(1);
  });

  it('is not followed when it stands in a registration', async () => {
    connections = 0;
    const inside = `https://127.0.0.1:${port}/x`;
    const body = JSON.stringify({
      redirect_uris: [callback],
      jwks_uri: inside,
      logo_uri: inside,
      client_uri: inside,
      sector_identifier_uri: inside,
      request_uris: [inside],
    });
    const headers = { 'content-type': 'application/json' };
    const { status } = await rawHttp(`${gateway.origin}/register`, { method: 'POST', headers, body });
    expect(status).toBeLessThan(500);
    expect(connections).toBe(0);
  });
});
