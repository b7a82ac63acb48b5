import { afterEach, describe, expect, it } from 'vitest';
import { agree, openBrowser } from './fixtures/browser.ts';
import { authorizeUrl, call, letIn, pkce, register, token, type Registered } from './fixtures/client.ts';
import { openStage, type Stage, type StageOptions } from './fixtures/stage.ts';

const atEnd: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  while (atEnd.length > 0) await atEnd.pop()?.();
});

async function open(options: StageOptions = {}): Promise<Stage> {
  const stage = await openStage(options);
  atEnd.push(() => stage.close());
  return stage;
}

describe('from registration to a token', () => {
  it('works, and the token stands for the person in the chosen group', async () => {
    const stage = await open();
    const { answer, end, tokens, subject, tenant, client } = await letIn(stage);
    const redirect = new URL(end.url);
    expect(redirect.searchParams.get('state')).toBe('the-state');
    expect(redirect.searchParams.get('iss')).toBe(stage.origin);
    expect([answer.status, answer.body]).toEqual([
      200,
      {
        access_token: expect.any(String),
        refresh_token: expect.any(String),
        token_type: 'Bearer',
        expires_in: 3600,
        scope: 'mcp',
      },
    ]);
    const verified = await stage.server.tokens.verify({ token: tokens['access_token'], dpop: undefined });
    expect(verified).toEqual({
      tenant,
      subject,
      client: client.client_id,
      grant: expect.stringMatching(/./),
      endsAtMs: expect.any(Number),
      scopes: new Set(['mcp']),
      path: '/mcp/docs',
    });
  });

  it('lets nobody in whose grant was found ended, however shortly ago the token was looked up', async () => {
    const nowMs = Date.now();
    const stage = await open({ now: () => nowMs });
    const { tokens, tenant, subject } = await letIn(stage);
    const shown = { token: tokens['access_token'], dpop: undefined };
    const verified = (await stage.server.tokens.verify(shown))!;
    expect(await stage.server.tokens.stands(verified)).toBe(true);
    expect(await stage.server.tokens.verify(shown)).toBe(verified);
    await stage.tables.remove('memberships', { groupId: tenant, userId: subject });
    expect(await stage.server.tokens.stands(verified)).toBe(false);
    expect(await stage.server.tokens.verify(shown)).toBeUndefined();
  });

  it('refreshes, with rotation', async () => {
    const stage = await open();
    const { client, tokens } = await letIn(stage);
    const form = {
      grant_type: 'refresh_token',
      client_id: client.client_id,
      refresh_token: tokens['refresh_token'],
    };
    const fresh = await token(stage.origin, form);
    expect(fresh.status).toBe(200);
    expect(fresh.body['refresh_token']).not.toBe(tokens['refresh_token']);
  });
});

describe('clients as they are', () => {
  it.each<[string, Record<string, string | undefined>, string]>([
    ['without a scope', { scope: undefined }, '/mcp/docs'],
    ['with scopes that nobody knows', { scope: 'read write' }, '/mcp/docs'],
    ['with more than they need', { scope: 'mcp offline_access openid read' }, '/mcp/docs'],
    ['without a resource', { resource: undefined }, '/mcp'],
    ['with a slash at the end', { resource: 'ORIGIN/mcp/docs/' }, '/mcp/docs'],
    ['that say localhost', { resource: 'LOCAL/mcp/docs' }, '/mcp/docs'],
    ['that ask for consent', { prompt: 'consent', scope: 'mcp offline_access' }, '/mcp/docs'],
    ['that ask for a login', { prompt: 'login' }, '/mcp/docs'],
    ['without a state', { state: undefined }, '/mcp/docs'],
    ['on another loopback port', { redirect_uri: 'http://127.0.0.1:65000/callback' }, '/mcp/docs'],
  ])('%s are let in', async (_, change, path) => {
    const stage = await open();
    const { port } = new URL(stage.origin);
    const filled = Object.fromEntries(
      Object.entries(change).map(([name, value]) => [
        name,
        value?.replace('ORIGIN', stage.origin).replace('LOCAL', `http://localhost:${port}`),
      ]),
    );
    const { answer, tokens } = await letIn(stage, 'ada@example.com', filled);
    expect([answer.status, tokens['error_description']]).toEqual([200, undefined]);
    const verified = await stage.server.tokens.verify({ token: tokens['access_token'], dpop: undefined });
    expect([verified?.path, verified?.scopes.has('mcp')]).toEqual([path, true]);
  });

  it.each([
    'cursor://anysphere.cursor-retrieval/oauth/callback',
    'vscode://vscode.github-authentication/did-authenticate',
    'https://vscode.dev/redirect',
    'http://localhost/callback',
    'http://127.0.0.1:33418/',
    'https://claude.ai/api/mcp/auth_callback',
    'com.example.app:/callback',
  ])('are called back at %s', async (address) => {
    const stage = await open();
    expect((await register(stage.origin, { redirect_uris: [address] })).client_id).toMatch(/./);
  });

  it('register twice, and without saying how they authenticate', async () => {
    const stage = await open();
    const unsaid = { token_endpoint_auth_method: undefined };
    const [one, two] = [await register(stage.origin, unsaid), await register(stage.origin, unsaid)];
    expect(one.client_id).not.toBe(two.client_id);
    expect(one).toMatchObject({ token_endpoint_auth_method: 'none' });
    expect(one).not.toHaveProperty('client_secret');
  });

  it.each(['client_secret_basic', 'client_secret_post'])('keep a secret: %s', async (method) => {
    const stage = await open();
    const client = await register(stage.origin, { token_endpoint_auth_method: method });
    expect(client.client_secret).toMatch(/.{40}/);
  });

  it('in a browser may use every endpoint from their own origin', async () => {
    const stage = await open();
    const origin = 'https://inspector.example';
    const headers = { origin, 'access-control-request-method': 'POST' };
    for (const path of ['/register', '/token', '/revoke', '/.well-known/oauth-authorization-server']) {
      const asked = await fetch(`${stage.origin}${path}`, { method: 'OPTIONS', headers });
      expect([path, asked.status]).toEqual([path, 204]);
      expect(asked.headers.get('access-control-allow-origin')).toMatch(/^(\*|https:\/\/inspector\.example)$/);
    }
    const made = await fetch(`${stage.origin}/register`, {
      method: 'POST',
      headers: { origin, 'content-type': 'application/json' },
      body: JSON.stringify({ redirect_uris: ['https://inspector.example/callback'] }),
    });
    expect([made.status, made.headers.get('access-control-allow-origin')]).toEqual([201, '*']);
  });
});

describe('a client of its own (RFC 7592)', () => {
  const own = (client: Registered, method: string, body?: object) =>
    fetch(client.registration_client_uri ?? '', {
      method,
      headers: {
        authorization: `Bearer ${client.registration_access_token}`,
        'content-type': 'application/json',
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });

  it('is read, and changed under the rules of registration', async () => {
    const stage = await open();
    const client = await register(stage.origin);
    expect(await (await own(client, 'GET')).json()).toMatchObject({ client_id: client.client_id });
    const change = { client_id: client.client_id, token_endpoint_auth_method: 'none' };
    const evil = await own(client, 'PUT', { ...change, redirect_uris: ['http://evil.example/'] });
    expect(evil.status).toBe(400);
    const good = await own(client, 'PUT', { ...change, redirect_uris: ['https://ok.example/'], scope: 'x' });
    const body = (await good.json()) as Registered;
    expect([good.status, body['redirect_uris'], body['scope']]).toEqual([
      200,
      ['https://ok.example/'],
      undefined,
    ]);
    // The token is a new one at every change.
    expect((await own(client, 'GET')).status).toBe(401);
    expect((await own({ ...client, ...body }, 'GET')).status).toBe(200);
  });

  it('is nobody else’s', async () => {
    const stage = await open();
    const [one, two] = [await register(stage.origin), await register(stage.origin)];
    const address = one.registration_client_uri;
    for (const method of ['GET', 'DELETE'])
      expect((await own({ ...two, registration_client_uri: address! }, method)).status).toBe(401);
  });

  it('leaves nothing behind when it is deleted', async () => {
    const stage = await open();
    const { client, tokens } = await letIn(stage);
    const other = await register(stage.origin);
    expect((await own(client, 'DELETE')).status).toBe(204);
    for (const shown of [tokens['access_token'], tokens['refresh_token']]) {
      const body = new URLSearchParams({ client_id: other.client_id, token: shown });
      const asked = await fetch(`${stage.origin}/introspect`, { method: 'POST', body });
      expect([asked.status, await asked.json()]).toEqual([200, { active: false }]);
    }
    const authorization = `Bearer ${tokens['access_token']}`;
    expect((await call(stage.origin, 'docs', { authorization })).status).toBe(401);
    expect((await own(client, 'GET')).status).toBe(401);
    expect(await stage.server.clients.list()).toHaveLength(1);
  });
});

describe('administration of clients', () => {
  it('adds one that can sign people in, and removes it with everything', async () => {
    const stage = await open();
    const redirectUris = ['https://shop.example/callback'];
    const { id, secret } = await stage.server.clients.add({ name: 'Shop', redirectUris, confidential: true });
    expect(secret).toMatch(/.{40}/);
    expect(await stage.server.clients.list()).toMatchObject([{ id, origin: 'admin', confidential: true }]);
    const { challenge } = pkce();
    const url = authorizeUrl(stage.origin, id, challenge, { redirect_uri: redirectUris[0] });
    const { cookie } = await stage.signIn('ada@example.com');
    expect((await openBrowser(cookie).follow(url)).answer.status).toBe(200);
    expect(await stage.server.clients.remove(id)).toBe(true);
    expect(await stage.server.clients.remove(id)).toBe(false);
    expect((await openBrowser(cookie).follow(url)).answer.status).toBe(400);
  });

  it.each([['http://evil.example/'], ['javascript:alert(1)'], ['nothing']])('refuses %s', async (address) => {
    const stage = await open();
    const client = { name: 'x', redirectUris: [address], confidential: false };
    await expect(stage.server.clients.add(client)).rejects.toMatchObject({ code: 'client_invalid' });
  });

  it('an invited client registers under its own policy', async () => {
    const stage = await open();
    const ticket = await stage.server.clients.invite();
    const answer = await fetch(`${stage.origin}/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${ticket}` },
      body: JSON.stringify({ redirect_uris: ['https://ok.example/'] }),
    });
    expect(await answer.json()).toMatchObject({ sealgate_origin: 'token' });
  });

  it('collects after a day those that registered themselves and were never let in', async () => {
    let ms = Date.now();
    const stage = await open({ now: () => ms });
    const { client } = await letIn(stage);
    await register(stage.origin);
    expect(await stage.server.clients.collect()).toBe(0);
    ms += 25 * 3600_000;
    expect(await stage.server.clients.collect()).toBe(1);
    expect((await stage.server.clients.list()).map(({ id }) => id)).toEqual([client.client_id]);
  });
});

describe('a client that describes itself by a document', () => {
  const id = 'https://client.example/mcp.json';
  const document = {
    client_id: id,
    client_name: 'A document',
    redirect_uris: ['http://127.0.0.1/callback'],
    token_endpoint_auth_method: 'none',
  };
  const serve = (text: string, status = 200) => {
    const asked: string[] = [];
    const fetch = async (address: string | URL | Request) => {
      asked.push(String(address));
      return new Response(text, { status, headers: { 'content-type': 'application/json' } });
    };
    return { asked, fetch };
  };
  const visit = async (stage: Stage, change: Record<string, string> = {}) => {
    const { verifier, challenge } = pkce();
    const { cookie } = await stage.signIn('ada@example.com');
    const browser = openBrowser(cookie);
    return {
      verifier,
      browser,
      page: await browser.follow(authorizeUrl(stage.origin, id, challenge, change)),
    };
  };

  it('is let in, asked for once, and kept out once it was removed', async () => {
    const { asked, fetch } = serve(JSON.stringify(document));
    const stage = await open({ fetch });
    const { verifier, browser, page } = await visit(stage);
    const end = await agree(browser, page);
    const answer = await token(stage.origin, {
      grant_type: 'authorization_code',
      client_id: id,
      code: new URL(end.url).searchParams.get('code') ?? '',
      code_verifier: verifier,
      redirect_uri: 'http://127.0.0.1:1/callback',
    });
    expect([answer.status, asked]).toEqual([200, [id]]);
    const authorization = `Bearer ${answer.body['access_token']}`;
    expect((await call(stage.origin, 'docs', { authorization })).status).toBe(200);
    expect(await stage.server.clients.list()).toEqual([
      {
        id,
        name: 'A document',
        redirectUris: ['http://127.0.0.1/callback'],
        origin: 'document',
        confidential: false,
        addedAtMs: expect.any(Number),
      },
    ]);
    expect(asked).toEqual([id]);
    expect(await stage.server.clients.remove(id)).toBe(true);
    expect(await stage.server.clients.list()).toEqual([]);
    expect((await call(stage.origin, 'docs', { authorization })).status).toBe(401);
    expect((await visit(stage)).page.answer.status).toBe(400);
  });

  it('is listed once somebody agreed, and for as long as what they agreed to stands', async () => {
    let ms = Date.now();
    const { fetch } = serve(JSON.stringify(document));
    const stage = await open({ fetch, now: () => ms });
    const { browser, page } = await visit(stage);
    const ids = async () => (await stage.server.clients.list()).map((client) => client.id);
    expect(await ids()).toEqual([]);
    await agree(browser, page, { decision: 'deny' });
    expect(await ids()).toEqual([]);
    for (let time = 0; time < 2; time += 1) {
      const again = await visit(stage);
      await agree(again.browser, again.page);
    }
    expect(await ids()).toEqual([id]);
    ms += 181 * 24 * 3600_000;
    expect(await ids()).toEqual([]);
  });

  it.each<[string, string, number?]>([
    ['that is about another client', JSON.stringify({ ...document, client_id: 'https://evil.example/' })],
    ['with a secret', JSON.stringify({ ...document, client_secret: 'x' })],
    [
      'with shared-secret authentication',
      JSON.stringify({ ...document, token_endpoint_auth_method: 'client_secret_post' }),
    ],
    ['with javascript', JSON.stringify({ ...document, redirect_uris: ['javascript:alert(1)'] })],
    ['of another redirect', JSON.stringify({ ...document, redirect_uris: ['https://evil.example/'] })],
    ['that is no JSON', '<html>'],
    ['that is a list', '[]'],
    ['that is too large', JSON.stringify({ ...document, client_name: 'x'.repeat(10_000) })],
    ['that is elsewhere', JSON.stringify(document), 302],
    ['that is missing', '{}', 404],
  ])('%s is refused', async (_, text, status) => {
    const stage = await open({ fetch: serve(text, status).fetch });
    expect((await visit(stage)).page.answer.status).toBe(400);
  });
});
