import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDocuments, type Documents } from './fixtures/documents.ts';
import { startModern, type ModernUpstream } from './fixtures/modern.ts';
import {
  boundMemory,
  connectV1,
  connectV2,
  type Connected,
  type Memory,
  type Setup,
} from './fixtures/oauth-client.ts';
import { modernCall, rawHttp } from './fixtures/raw-http.ts';
import { callback, obtainToken, openPerson } from './fixtures/sign-in.ts';
import { done, freshDataDir, removeDataDir, sealgate, startSealgate, type Running } from './start.ts';

// The front door, from outside: a started gateway, the SDKs' own OAuth clients, a person who signs in by a link and agrees.

let dataDir: string;
let gateway: Running;
let upstream: ModernUpstream;
let documents: Documents;
beforeAll(async () => {
  dataDir = await freshDataDir();
  upstream = await startModern({ legacy: 'sessions' });
  documents = await openDocuments();
  gateway = await startSealgate({
    dataDir,
    env: {
      RATE_LIMIT_OAUTH_RPM: '100000',
      RATE_LIMIT_LOGIN_RPM: '100000',
      NODE_EXTRA_CA_CERTS: documents.certificateFile,
    },
  });
  await done(dataDir, ['upstreams', 'add', 'docs', '--url', upstream.url]);
  await done(dataDir, ['upstreams', 'add', 'other', '--url', upstream.url]);
}, 60_000);
afterAll(async () => {
  await gateway?.stop();
  await upstream?.close();
  await documents?.close();
  await removeDataDir(dataDir);
});

const person = openPerson(async () => (await done(dataDir, ['sign-in'])).trim());
const setup = () => ({ url: `${gateway.origin}/mcp/docs`, person });

async function expectServed(client: Connected, times = 1): Promise<void> {
  const answer = await client.callTool('echo', { text: 'through the door' });
  expect(JSON.stringify(answer)).toContain('through the door');
  expect(client.memory.asked).toHaveLength(times);
}

describe('an SDK client signs in by itself and calls a tool', () => {
  it.each(['modern', 'legacy'] as const)('SDK v2, %s era', async (era) => {
    const client = await connectV2(setup(), era);
    await expectServed(client);
    expect(client.memory.tokens).toMatchObject({ token_type: 'Bearer', refresh_token: expect.any(String) });
    await client.close();
  });

  it.each(['modern', 'legacy'] as const)('SDK v2 with DPoP, %s era', async (era) => {
    const memory = await boundMemory();
    const client = await connectV2({ ...setup(), memory }, era);
    await expectServed(client);
    expect(memory.tokens).toMatchObject({ token_type: 'DPoP' });
    // Without its key, or shown the ordinary way, the token opens nothing.
    for (const scheme of ['Bearer', 'DPoP']) {
      const call = modernCall(1, 'echo', { text: 'stolen' });
      const authorization = `${scheme} ${memory.tokens?.['access_token']}`;
      const answer = await rawHttp(setup().url, { ...call, headers: { ...call.headers, authorization } });
      expect(answer.status).toBe(401);
    }
    await client.close();
  });

  it.each(['none', 'client_secret_basic', 'client_secret_post'] as const)('SDK v1, %s', async (method) => {
    const client = await connectV1({ ...setup(), method });
    await expectServed(client);
    await client.close();
  });
});

describe('a client that is known by a document', () => {
  it.each([
    ['SDK v2, modern era', (setup: Setup) => connectV2(setup, 'modern')],
    ['SDK v2, legacy era', (setup: Setup) => connectV2(setup, 'legacy')],
    [
      'SDK v2 with DPoP',
      async (setup: Setup) => connectV2({ ...setup, memory: await boundMemory() }, 'modern'),
    ],
    ['SDK v1', connectV1],
  ])('is let in without registering, listed, and kept out once it is removed: %s', async (name, connect) => {
    const document = documents.publish(name.replaceAll(/\W+/g, '-'), [callback]);
    const client = await connect({ ...setup(), document });
    await expectServed(client);
    expect(client.memory.client?.['client_id']).toBe(document);
    const listed = JSON.parse(await done(dataDir, ['clients', 'list', '--json'])) as object[];
    expect(listed).toContainEqual(
      expect.objectContaining({ id: document, origin: 'document', redirectUris: [callback] }),
    );
    await done(dataDir, ['clients', 'remove', document]);
    expect(await done(dataDir, ['clients', 'list'])).not.toContain(document);
    await expect(client.callTool('echo', { text: 'x' })).rejects.toThrow(/./);
    await client.close().catch(() => undefined);
    await expect(connect({ ...setup(), document })).rejects.toThrow(/./);
  });
});

describe('a client that was let in', () => {
  it.each(['none', 'client_secret_basic', 'client_secret_post'] as const)(
    'refreshes by itself, and signs in anew when even that is no good (SDK v1, %s)',
    async (method) => {
      const first = await connectV1({ ...setup(), method });
      const { memory } = first;
      await first.close();
      memory.tokens = { ...memory.tokens, access_token: 'outdated' };
      const again = await connectV1({ ...setup(), method, memory });
      await expectServed(again);
      await again.close();
      memory.tokens = { access_token: 'outdated', refresh_token: 'outdated', token_type: 'Bearer' };
      const anew = await connectV1({ ...setup(), method, memory });
      await expectServed(anew, 2);
      await anew.close();
    },
  );

  it.each(['Bearer', 'DPoP'])('signs in anew when nothing it has is any good (SDK v2, %s)', async (kind) => {
    const memory: Memory = kind === 'DPoP' ? await boundMemory() : { asked: [] };
    await (await connectV2({ ...setup(), memory }, 'legacy')).close();
    memory.tokens = { access_token: 'outdated', refresh_token: 'outdated', token_type: kind };
    const anew = await connectV2({ ...setup(), memory }, 'legacy');
    await expectServed(anew, 2);
    expect(memory.tokens).toMatchObject({ token_type: kind });
    await anew.close();
  });

  it.each(['Bearer', 'DPoP'])('refreshes by itself when its token is no good any more (%s)', async (kind) => {
    const memory = kind === 'DPoP' ? await boundMemory() : { asked: [] };
    const first = await connectV2({ ...setup(), memory }, 'modern');
    await first.close();
    const before = memory.tokens?.['refresh_token'] as string;
    memory.tokens = { ...memory.tokens, access_token: 'outdated' };
    const again = await connectV2({ ...setup(), memory }, 'modern');
    await expectServed(again);
    expect(memory.tokens['refresh_token']).not.toBe(before);
    await again.close();
  });

  it('asks the person again when it may do less than it needs', async () => {
    const first = await connectV2(setup(), 'modern');
    const { memory } = first;
    await first.close();
    const little = await obtainToken(gateway.origin, person, { scope: 'openid', resource: setup().url });
    memory.tokens = { access_token: little, token_type: 'Bearer' };
    const again = await connectV2({ ...setup(), memory }, 'modern');
    await expectServed(again, 2);
    expect(memory.asked.at(-1)?.searchParams.get('scope')?.split(' ')).toContain('mcp');
    await again.close();
  });

  it('is out as soon as it is removed, and back when it registers and asks again', async () => {
    const first = await connectV2(setup(), 'modern');
    const { memory } = first;
    const id = String(memory.client?.['client_id']);
    expect(await done(dataDir, ['clients', 'list'])).toContain(id);
    await done(dataDir, ['clients', 'remove', id]);
    await expect(first.callTool('echo', { text: 'x' })).rejects.toThrow(/./);
    await first.close().catch(() => undefined);
    expect((await sealgate(dataDir, ['clients', 'remove', id])).stderr).toContain('client_unknown');
    const again = await connectV2(setup(), 'modern');
    await expectServed(again);
    await again.close();
  });

  it('cannot use its token at another upstream', async () => {
    const token = await obtainToken(gateway.origin, person, { resource: setup().url });
    const call = modernCall(1, 'echo', { text: 'hi' });
    const headers = { ...call.headers, authorization: `Bearer ${token}` };
    expect((await rawHttp(setup().url, { ...call, headers })).status).toBe(200);
    expect((await rawHttp(`${gateway.origin}/mcp/other`, { ...call, headers })).status).toBe(401);
  });
});

describe('a client that an administrator added', () => {
  it('is let in with its secret', async () => {
    const said = await done(dataDir, [
      'clients',
      'add',
      'Shop',
      '--redirect',
      'http://127.0.0.1:1/callback',
      '--confidential',
      '--json',
    ]);
    const { id, secret } = JSON.parse(said) as { id: string; secret: string };
    const client = {
      client_id: id,
      client_secret: secret,
      token_endpoint_auth_method: 'client_secret_basic',
      redirect_uris: ['http://127.0.0.1:1/callback'],
    };
    const connected = await connectV1({ ...setup(), memory: { asked: [], client } });
    await expectServed(connected);
    await connected.close();
  });
});

describe('without credentials', () => {
  const routes = [
    ['POST', '/mcp/docs', 401],
    ['GET', '/mcp/docs', 401],
    ['DELETE', '/mcp/docs', 401],
    ['POST', '/token', 400],
    ['POST', '/revoke', 400],
    ['POST', '/introspect', 400],
    ['GET', '/register/x', 401],
    ['PUT', '/register/x', 401],
    ['DELETE', '/register/x', 401],
    ['GET', '/authorize', 400],
    ['GET', '/authorize/x', 400],
    ['GET', '/interaction/x', 404],
    ['POST', '/interaction/x/confirm', 404],
    ['GET', '/sign-in/link?token=x', 400],
  ] as const;

  it.each(routes)('%s %s is answered with %i', async (method, path, status) => {
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    const body = method === 'POST' && !path.startsWith('/mcp') ? { body: '', headers: form } : {};
    const answer = await fetch(`${gateway.origin}${path}`, { method, redirect: 'manual', ...body });
    expect([path, answer.status]).toEqual([path, status]);
  });
});

it('everything that people agreed to is in the journal, and no token is', async () => {
  const entries = await done(dataDir, ['audit', 'list', '--limit', '1000', '--json']);
  for (const act of ['client.allow', 'client.add', 'client.remove', 'person.sign_in', 'person.link'])
    expect(entries).toContain(`"${act}"`);
  expect(entries).not.toContain(gateway.bearer);
});
