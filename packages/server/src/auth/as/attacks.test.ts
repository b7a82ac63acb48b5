import { request as ask } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { agree, openBrowser } from './fixtures/browser.ts';
import { authorizeUrl, call, letIn, pkce, register, token } from './fixtures/client.ts';
import { openStage, type Stage } from './fixtures/stage.ts';

// What an authorization server is attacked with. Each attack is a row, and each is refused.

let stage: Stage;
beforeEach(async () => {
  stage = await openStage();
});
afterEach(() => stage.close());

/** Where the answer to an authorization request goes, and what it says. */
async function asked(change: Record<string, string | undefined>, metadata: object = {}) {
  const client = await register(stage.origin, metadata);
  const { cookie } = await stage.signIn('ada@example.com');
  const browser = openBrowser(cookie);
  const url = authorizeUrl(stage.origin, client.client_id, pkce().challenge, change);
  const end = await browser.follow(url);
  const told = new URL(end.url);
  // Flows that answer in the fragment are refused there.
  const said = told.hash === '' ? told.searchParams : new URLSearchParams(told.hash.slice(1));
  return { status: end.answer.status, error: said.get('error'), iss: said.get('iss'), url: end.url, end };
}

describe('an authorization request', () => {
  it.each<[string, Record<string, string | undefined>]>([
    ['to an unregistered address', { redirect_uri: 'https://evil.example/callback' }],
    ['to a longer path', { redirect_uri: 'http://127.0.0.1:1/callback/more' }],
    ['to a path that climbs', { redirect_uri: 'http://127.0.0.1:1/callback/../evil' }],
    ['with a query added', { redirect_uri: 'http://127.0.0.1:1/callback?x=1' }],
    ['with a fragment', { redirect_uri: 'http://127.0.0.1:1/callback#x' }],
    ['with user information', { redirect_uri: 'http://127.0.0.1:1@evil.example/callback' }],
    ['by another scheme', { redirect_uri: 'https://127.0.0.1:1/callback' }],
    ['to localhost instead', { redirect_uri: 'http://localhost:1/callback' }],
    ['to a look-alike', { redirect_uri: 'http://127.0.0.1.evil.example/callback' }],
    ['without an address', { redirect_uri: undefined, client_id: 'nobody' }],
    ['of an unknown client', { client_id: 'nobody' }],
  ])('%s goes nowhere, and a person is told', async (_, change) => {
    const { status, url, end } = await asked(change);
    expect([status, new URL(url).origin]).toEqual([400, stage.origin]);
    // The id by which the log has it.
    expect(await end.answer.text()).toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-7/);
    expect(end.answer.headers.get('content-security-policy')).toContain("default-src 'none'");
  });

  it.each<[string, Record<string, string | undefined>, string]>([
    [
      'without a challenge',
      { code_challenge: undefined, code_challenge_method: undefined },
      'invalid_request',
    ],
    ['with a plain challenge', { code_challenge_method: 'plain' }, 'invalid_request'],
    ['with a challenge and no method', { code_challenge_method: undefined }, 'invalid_request'],
    ['for the implicit flow', { response_type: 'token' }, 'unsupported_response_type'],
    ['for an id token at once', { response_type: 'code id_token' }, 'unsupported_response_type'],
    ['for a foreign resource', { resource: 'https://evil.example/mcp/docs' }, 'invalid_target'],
    ['for a resource with a query', { resource: 'RESOURCE?x=1' }, 'invalid_target'],
    ['for a resource that climbs', { resource: 'RESOURCE/../../admin' }, 'invalid_target'],
    ['for a resource below', { resource: 'RESOURCE/more' }, 'invalid_target'],
    ['for a resource that is no address', { resource: 'docs' }, 'invalid_target'],
    ['for a resource in capitals', { resource: 'ORIGIN/MCP/docs' }, 'invalid_target'],
    ['without a person', { prompt: 'none' }, 'login_required'],
    ['with a request object', { request: 'a.b.c' }, 'request_not_supported'],
    ['by reference', { request_uri: 'https://evil.example/r' }, 'request_uri_not_supported'],
  ])('%s is refused to the client', async (_, change, error) => {
    const filled = Object.fromEntries(
      Object.entries(change).map(([name, value]) => [
        name,
        value?.replace('RESOURCE', `${stage.origin}/mcp/docs`).replace('ORIGIN', stage.origin),
      ]),
    );
    const answer = await asked(filled);
    expect([answer.error, new URL(answer.url).pathname]).toEqual([error, '/callback']);
    expect(answer.iss).toBe(stage.origin);
  });

  it.each(['client_id', 'redirect_uri', 'code_challenge', 'scope', 'state'])(
    'with two values of %s is refused',
    async (name) => {
      const client = await register(stage.origin);
      const url = authorizeUrl(stage.origin, client.client_id, pkce().challenge);
      const end = await openBrowser().follow(`${url}&${name}=other`);
      const error = new URL(end.url).searchParams.get('error');
      expect(end.answer.status === 400 || error === 'invalid_request').toBe(true);
    },
  );
});

describe('registration', () => {
  it.each<[string, object]>([
    ['plain http to a stranger', { redirect_uris: ['http://evil.example/callback'] }],
    ['javascript', { redirect_uris: ['javascript:alert(1)'] }],
    ['data', { redirect_uris: ['data:text/html,x'] }],
    ['file', { redirect_uris: ['file:///etc/passwd'] }],
    ['a fragment', { redirect_uris: ['https://ok.example/#x'] }],
    ['user information', { redirect_uris: ['https://ok.example@evil.example/'] }],
    ['a backslash', { redirect_uris: ['https://evil.example\\@ok.example/'] }],
    ['letters that look alike', { redirect_uris: ['https://оk.example/'] }],
    ['no address', { redirect_uris: [] }],
    ['no list', { redirect_uris: 'https://ok.example/' }],
    ['too many', { redirect_uris: Array.from({ length: 21 }, (_, at) => `https://ok.example/${at}`) }],
    ['one that is too long', { redirect_uris: [`https://ok.example/${'x'.repeat(2100)}`] }],
    ['a name that turns around', { client_name: 'safe‮example' }],
    ['a name of a thousand letters', { client_name: 'x'.repeat(1000) }],
    ['a name that is no text', { client_name: { a: 1 } }],
    ['an unknown authentication', { token_endpoint_auth_method: 'tls_client_auth' }],
    ['keys that are none', { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: 'x' } }],
  ])('of %s is refused', async (_, metadata) => {
    await expect(register(stage.origin, metadata)).rejects.toThrow(/^Error: 400|^400/);
  });

  it('keeps nothing that nobody asked for, and every client native and with consent', async () => {
    const client = await register(stage.origin, {
      scope: 'admin',
      application_type: 'web',
      grant_types: ['client_credentials', 'implicit', 'refresh_token'],
      response_types: ['token', 'code'],
      logo_uri: 'http://169.254.169.254/logo',
      jwks_uri: 'http://169.254.169.254/jwks',
      sector_identifier_uri: 'http://169.254.169.254/sector',
      software_id: 'x',
      sealgate_origin: 'admin',
    });
    expect(client).toMatchObject({
      application_type: 'native',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      sealgate_origin: 'open',
    });
    for (const member of ['scope', 'logo_uri', 'jwks_uri', 'sector_identifier_uri', 'software_id'])
      expect(client).not.toHaveProperty(member);
  });

  it.each([{}, { authorization: 'Bearer wrong' }])('with a wrong initial token %j', async (headers) => {
    const answer = await fetch(`${stage.origin}/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ redirect_uris: ['https://ok.example/'] }),
    });
    expect(answer.status).toBe('authorization' in headers ? 401 : 201);
  });
});

describe('a code', () => {
  it.each<[string, Record<string, string>, string]>([
    ['with another verifier', { code_verifier: 'x'.repeat(43) }, 'invalid_grant'],
    ['without a verifier', { code_verifier: '' }, 'invalid_grant'],
    ['with another redirect address', { redirect_uri: 'http://127.0.0.1:2/callback' }, 'invalid_grant'],
    ['for another resource', { resource: 'ORIGIN/mcp/other' }, 'invalid_target'],
    ['that is unknown', { code: 'nothing' }, 'invalid_grant'],
    ['of another grant type', { grant_type: 'client_credentials' }, 'unsupported_grant_type'],
    ['as a password', { grant_type: 'password' }, 'unsupported_grant_type'],
  ])('%s is refused', async (_, change, error) => {
    const { form } = await toCode();
    const filled = Object.fromEntries(
      Object.entries(change).map(([name, value]) => [name, value.replace('ORIGIN', stage.origin)]),
    );
    expect((await token(stage.origin, { ...form, ...filled })).body['error']).toBe(error);
  });

  it('of another client is refused', async () => {
    const { form } = await toCode();
    const other = await register(stage.origin);
    const stolen = await token(stage.origin, { ...form, client_id: other.client_id });
    expect(stolen.body['error']).toBe('invalid_grant');
  });

  it('is redeemed by one of 20', async () => {
    const slow = await openStage({ latencyMs: 15 });
    try {
      const { form } = await toCode(slow);
      const answers = await Promise.all(Array.from({ length: 20 }, () => token(slow.origin, form)));
      expect(answers.filter(({ status }) => status === 200).length).toBeLessThanOrEqual(1);
      expect(answers.filter(({ body }) => body['error'] === 'invalid_grant').length).toBeGreaterThanOrEqual(
        19,
      );
    } finally {
      await slow.close();
    }
  });

  it('that comes twice ends what the first one gave', async () => {
    const { form, tokens } = await letIn(stage);
    const authorization = `Bearer ${tokens['access_token']}`;
    expect((await call(stage.origin, 'docs', { authorization })).status).toBe(200);
    expect((await token(stage.origin, form)).body['error']).toBe('invalid_grant');
    expect((await call(stage.origin, 'docs', { authorization })).status).toBe(401);
  });

  async function toCode(on = stage) {
    const client = await register(on.origin);
    const { cookie } = await on.signIn('ada@example.com');
    const browser = openBrowser(cookie);
    const { verifier, challenge } = pkce();
    const end = await agree(
      browser,
      await browser.follow(authorizeUrl(on.origin, client.client_id, challenge)),
    );
    const code = new URL(end.url).searchParams.get('code') ?? '';
    const redirect_uri = 'http://127.0.0.1:1/callback';
    const grant_type = 'authorization_code';
    return { form: { grant_type, client_id: client.client_id, code, code_verifier: verifier, redirect_uri } };
  }
});

describe('consent', () => {
  const page = async (cookie?: string) => {
    const client = await register(stage.origin);
    const browser = openBrowser(cookie ?? (await stage.signIn('ada@example.com')).cookie);
    const url = authorizeUrl(stage.origin, client.client_id, pkce().challenge);
    return { client, browser, page: await browser.follow(url) };
  };

  it('is asked for each time, although it was given before', async () => {
    const { client, browser } = await letIn(stage);
    const url = authorizeUrl(stage.origin, client.client_id, pkce().challenge);
    const again = await browser.follow(url);
    expect(new URL(again.url).pathname).toMatch(/^\/interaction\//);
    expect(again.answer.status).toBe(200);
  });

  it('of somebody who is not signed in leads to sign-in and back', async () => {
    const { page: shown } = await page('nobody=1').catch(() => ({ page: undefined }));
    expect(shown === undefined || new URL(shown.url).pathname === '/sign-in').toBe(true);
  });

  it.each<[string, Record<string, string>]>([
    ['without the CSRF token', { csrf: '' }],
    ['with another CSRF token', { csrf: 'x'.repeat(43) }],
    ['into a group of somebody else', { group: 'OTHER' }],
    ['into no group', { group: '' }],
  ])('%s is not taken', async (_, change) => {
    const other = await stage.signIn('eve@example.com');
    const { browser, page: shown } = await page();
    const filled = Object.fromEntries(
      Object.entries(change).map(([name, value]) => [name, value.replace('OTHER', other.tenant)]),
    );
    const end = await agree(browser, shown, filled);
    expect(end.answer.status).toBeGreaterThanOrEqual(400);
    expect(new URL(end.url).searchParams.get('code')).toBeNull();
  });

  it('from another page is not taken', async () => {
    const { browser, page: shown } = await page();
    const answer = await browser.ask(`${shown.url}/confirm`, {
      method: 'POST',
      headers: { origin: 'https://evil.example', 'content-type': 'application/x-www-form-urlencoded' },
      body: 'decision=allow',
    });
    expect(answer.status).toBe(403);
  });

  it('in a browser that did not begin it shows nothing', async () => {
    const { page: shown } = await page();
    const eve = openBrowser((await stage.signIn('eve@example.com')).cookie);
    expect((await eve.ask(shown.url)).status).toBe(404);
  });

  it('that is denied gives no code', async () => {
    const { browser, page: shown } = await page();
    const end = await agree(browser, shown, { decision: 'deny' });
    expect(new URL(end.url).searchParams.get('error')).toBe('access_denied');
    expect(new URL(end.url).searchParams.get('code')).toBeNull();
  });

  it('shows a private scheme as one, whatever host it names', async () => {
    const redirect = 'x-evil://claude.ai/callback';
    const client = await register(stage.origin, { redirect_uris: [redirect] });
    const browser = openBrowser((await stage.signIn('ada@example.com')).cookie);
    const change = { redirect_uri: redirect };
    const shown = await browser.follow(
      authorizeUrl(stage.origin, client.client_id, pkce().challenge, change),
    );
    const text = await shown.answer.text();
    expect(text).toContain('x-evil://claude.ai');
    expect(text).not.toContain('>claude.ai');
  });

  it('can be given in two tabs at once', async () => {
    const { cookie } = await stage.signIn('ada@example.com');
    const browser = openBrowser(cookie);
    const client = await register(stage.origin);
    const url = authorizeUrl(stage.origin, client.client_id, pkce().challenge);
    const [one, two] = [await browser.follow(url), await browser.follow(url)];
    for (const tab of [one, two]) {
      const end = await agree(browser, tab);
      expect(new URL(end.url).searchParams.get('code')).not.toBeNull();
    }
  });

  it('cannot be framed, stored or scripted', async () => {
    const { headers } = (await page()).page.answer;
    expect(headers.get('content-security-policy')).toMatch(/default-src 'none'.*frame-ancestors 'none'/);
    expect(headers.get('x-frame-options')).toBe('DENY');
    expect(headers.get('cache-control')).toContain('no-store');
  });
});

describe('a token', () => {
  it('opens the upstream it is for, in the group that was chosen, and no other', async () => {
    const { tokens, tenant, subject } = await letIn(stage);
    const authorization = `Bearer ${tokens['access_token']}`;
    expect(await call(stage.origin, 'docs', { authorization })).toMatchObject({
      status: 200,
      body: { tenant, subject },
    });
    expect((await call(stage.origin, 'other', { authorization })).status).toBe(401);
  });

  it.each(['refresh_token', 'code', 'registration'])('of another kind is refused: %s', async (kind) => {
    const { tokens, code, client } = await letIn(stage);
    const shown = {
      refresh_token: tokens['refresh_token'],
      code,
      registration: client.registration_access_token,
    }[kind];
    const authorization = `Bearer ${shown}`;
    expect((await call(stage.origin, 'docs', { authorization })).status).toBe(401);
  });

  it('is taken from the header alone', async () => {
    const { tokens } = await letIn(stage);
    const answer = await fetch(`${stage.origin}/mcp/docs?access_token=${tokens['access_token']}`, {
      method: 'POST',
      body: new URLSearchParams({ access_token: tokens['access_token'] }),
    });
    expect(answer.status).toBe(401);
  });

  it('is told where to sign in, by the name that was used', async () => {
    const { challenge } = await call(stage.origin, 'docs', {});
    expect(challenge).toBe(
      `Bearer realm="sealgate", resource_metadata="${stage.origin}/.well-known/oauth-protected-resource/mcp/docs", scope="mcp"`,
    );
    expect((await call(stage.origin, 'docs', { authorization: 'Bearer x' })).challenge).toMatch(
      /^Bearer error="invalid_token", /,
    );
  });

  it('without the scope is told which one would do', async () => {
    const { tokens } = await letIn(stage, 'ada@example.com', { scope: 'openid' });
    const answer = await call(stage.origin, 'docs', { authorization: `Bearer ${tokens['access_token']}` });
    expect(answer).toMatchObject({ status: 403 });
    expect(answer.challenge).toMatch(/^Bearer error="insufficient_scope", .*scope="mcp"$/);
  });

  it('ends at once when it is revoked, and with the person’s membership', async () => {
    const { tokens, client, tenant, subject } = await letIn(stage);
    const authorization = `Bearer ${tokens['access_token']}`;
    expect((await call(stage.origin, 'docs', { authorization })).status).toBe(200);
    const body = new URLSearchParams({ client_id: client.client_id, token: tokens['access_token'] });
    expect((await fetch(`${stage.origin}/revoke`, { method: 'POST', body })).status).toBe(200);
    expect((await call(stage.origin, 'docs', { authorization })).status).toBe(401);

    const second = await letIn(stage);
    await stage.tables.remove('memberships', { groupId: tenant, userId: subject });
    const other = `Bearer ${second.tokens['access_token']}`;
    expect((await call(stage.origin, 'docs', { authorization: other })).status).toBe(401);
  });

  it('is shown to its own client alone by introspection', async () => {
    const { tokens, client } = await letIn(stage);
    const eve = await register(stage.origin);
    const ask = async (id: string) => {
      const body = new URLSearchParams({ client_id: id, token: tokens['access_token'] });
      return (await (await fetch(`${stage.origin}/introspect`, { method: 'POST', body })).json()) as object;
    };
    expect(await ask(client.client_id)).toMatchObject({ active: true, aud: `${stage.origin}/mcp/docs` });
    expect(await ask(eve.client_id)).toEqual({ active: false });
  });
});

describe('a host name that is not ours', () => {
  const spoofed = (path: string, headers: Record<string, string>) =>
    new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
      const { port } = new URL(stage.origin);
      const request = ask({ host: '127.0.0.1', port, path, headers }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => resolve({ status: response.statusCode, text }));
      });
      request.on('error', reject).end();
    });

  it.each([
    '/.well-known/oauth-authorization-server',
    '/.well-known/openid-configuration',
    '/.well-known/oauth-protected-resource/mcp/docs',
    '/authorize',
    '/jwks',
  ])('is refused at %s', async (path) => {
    expect((await spoofed(path, { host: 'evil.example' })).status).toBe(403);
  });

  it('in a forwarded header changes nothing', async () => {
    const headers = {
      'x-forwarded-host': 'evil.example',
      'x-forwarded-proto': 'https',
      forwarded: 'host=evil.example;proto=https',
    };
    for (const path of [
      '/.well-known/oauth-authorization-server',
      '/.well-known/oauth-protected-resource/mcp/docs',
    ]) {
      const { host } = new URL(stage.origin);
      const { text } = await spoofed(path, { host, ...headers });
      expect(text).not.toMatch(/evil|https:/);
    }
  });

  it('localhost is ours: its metadata names the resource as the client wrote it, and one issuer', async () => {
    const { port } = new URL(stage.origin);
    const path = '/.well-known/oauth-protected-resource/mcp/docs';
    const { text } = await spoofed(path, { host: `localhost:${port}` });
    expect(JSON.parse(text)).toMatchObject({
      resource: `http://localhost:${port}/mcp/docs`,
      authorization_servers: [stage.origin],
    });
    expect((await spoofed('/authorize?x=1', { host: `localhost:${port}` })).status).toBe(303);
  });
});

describe('limits', () => {
  it('hold for each endpoint', async () => {
    const strict = await openStage({ requestsPerMinute: 3 });
    try {
      const statuses: number[] = [];
      for (let count = 0; count < 4; count += 1)
        statuses.push((await fetch(`${strict.origin}/register`, { method: 'POST', body: '{}' })).status);
      expect(statuses).toEqual([400, 400, 400, 429]);
      expect((await fetch(`${strict.origin}/token`, { method: 'POST' })).status).toBe(400);
    } finally {
      await strict.close();
    }
  });
});
