import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { agree, openBrowser } from './fixtures/browser.ts';
import { authorizeUrl, call, letIn, pkce, register, token } from './fixtures/client.ts';
import { openStage, type Stage } from './fixtures/stage.ts';

// Attacks in which everything is genuine, and nothing belongs together: somebody else's code, page, client, session or
// resource in the place of one's own.

let stage: Stage;
let ms: number;
beforeEach(async () => {
  ms = Date.now();
  stage = await openStage({ now: () => ms });
});
afterEach(() => stage.close());

const formHeaders = { 'content-type': 'application/x-www-form-urlencoded' };

/** The token endpoint, asked in bytes: members may come twice. */
async function post(path: string, body: string, headers: Record<string, string> = {}) {
  const answer = await fetch(`${stage.origin}${path}`, {
    method: 'POST',
    headers: { ...formHeaders, ...headers },
    body,
  });
  const text = await answer.text();
  return { status: answer.status, error: /"error":"(\w+)"/.exec(text)?.[1], text };
}

/** A consent page that waits, in the browser of somebody who is signed in. */
async function waiting(
  email: string,
  change: Record<string, string | undefined> = {},
  metadata: object = {},
) {
  const client = await register(stage.origin, metadata);
  const { cookie, tenant } = await stage.signIn(email);
  const browser = openBrowser(cookie);
  const { verifier, challenge } = pkce();
  const page = await browser.follow(authorizeUrl(stage.origin, client.client_id, challenge, change));
  return { client, cookie, tenant, browser, verifier, page };
}

const codeOf = (end: { url: string }): string | null => new URL(end.url).searchParams.get('code');
const csrfOf = (text: string): string => /name="csrf" value="([^"]+)"/.exec(text)?.[1] ?? '';

describe('a confused deputy', () => {
  it('who agreed to one client has agreed to no other that takes its name and address', async () => {
    const { browser } = await letIn(stage, 'ada@example.com', {}, { client_name: 'Trusted' });
    const evil = await register(stage.origin, { client_name: 'Trusted' });
    const page = await browser.follow(authorizeUrl(stage.origin, evil.client_id, pkce().challenge));
    expect(new URL(page.url).pathname).toMatch(/^\/interaction\//);
    expect(await page.answer.text()).toContain(evil.client_id);
  });

  it.each<[string, Record<string, string>]>([
    ['prompt=none', { prompt: 'none' }],
    ['an id token hint', { id_token_hint: 'a.b.c' }],
    ['a login hint', { login_hint: 'ada@example.com' }],
    ['max_age', { max_age: '999999' }],
    ['acr_values', { acr_values: '0' }],
    ['its own consent', { decision: 'allow', consent: 'true', group: 'x' }],
  ])('is not made to agree by %s', async (_, change) => {
    const { client, browser } = await letIn(stage);
    const end = await browser.follow(authorizeUrl(stage.origin, client.client_id, pkce().challenge, change));
    expect(codeOf(end)).toBeNull();
  });

  it('does not agree by opening an address', async () => {
    const { browser, page, tenant } = await waiting('ada@example.com');
    const csrf = csrfOf(await page.answer.text());
    const query = new URLSearchParams({ csrf, group: tenant, decision: 'allow' });
    for (const address of [`${page.url}/confirm?${query}`, `${page.url}?${query}`]) {
      const end = await browser.follow(address);
      expect(codeOf(end)).toBeNull();
    }
  });

  it('does not get past the page by resuming the request', async () => {
    const { browser, page } = await waiting('ada@example.com');
    const uid = new URL(page.url).pathname.split('/')[2];
    const end = await browser.follow(`${stage.origin}/authorize/${uid}`);
    expect(codeOf(end)).toBeNull();
  });

  it('agrees once: the same page again gives no second code', async () => {
    const { browser, page } = await waiting('ada@example.com');
    const text = await page.answer.text();
    const shown = () => ({ url: page.url, answer: new Response(text) });
    expect(codeOf(await agree(browser, shown()))).not.toBeNull();
    const again = await agree(browser, shown());
    expect([codeOf(again), again.answer.status]).toEqual([null, 404]);
  });

  it('has agreed to what the page showed: it cannot be widened in the form', async () => {
    const { browser, page, client, verifier } = await waiting('ada@example.com', { scope: 'openid' });
    const end = await agree(browser, page, { scope: 'openid mcp', resource: `${stage.origin}/mcp/other` });
    const answer = await token(stage.origin, {
      grant_type: 'authorization_code',
      client_id: client.client_id,
      code: codeOf(end) ?? '',
      code_verifier: verifier,
      redirect_uri: 'http://127.0.0.1:1/callback',
    });
    expect(answer.body).toMatchObject({ scope: '' });
    const authorization = `Bearer ${answer.body.access_token}`;
    expect((await call(stage.origin, 'docs', { authorization })).status).toBe(403);
    expect((await call(stage.origin, 'other', { authorization })).status).toBe(401);
  });
});

describe('a session that somebody fixed', () => {
  it('is of no use: an interaction begun by one is not gone on with by another', async () => {
    const mallory = await waiting('mallory@example.com');
    const { cookie } = await stage.signIn('ada@example.com');
    const ada = openBrowser(cookie);
    expect((await ada.ask(mallory.page.url)).status).toBe(404);
    const csrf = csrfOf(await mallory.page.answer.text());
    const body = new URLSearchParams({ csrf, decision: 'allow', group: mallory.tenant }).toString();
    const sent = await ada.ask(`${mallory.page.url}/confirm`, { method: 'POST', headers: formHeaders, body });
    expect(sent.status).toBe(404);
  });

  it('planted with its interaction, takes no page of the other session', async () => {
    const mallory = await waiting('mallory@example.com');
    const { cookie } = await stage.signIn('ada@example.com');
    const ada = openBrowser(cookie);
    for (const [key, one] of mallory.browser.jar) if (one.path !== '/') ada.jar.set(key, one);
    const page = await ada.ask(mallory.page.url);
    const text = await page.text();
    // Shown to Ada, it is Ada who is asked: with her name, her groups and a token of her session.
    expect(text).toContain('ada@example.com');
    const csrf = csrfOf(await mallory.page.answer.text());
    const body = new URLSearchParams({ csrf, decision: 'allow', group: mallory.tenant }).toString();
    const sent = await ada.ask(`${mallory.page.url}/confirm`, { method: 'POST', headers: formHeaders, body });
    expect([sent.status, csrfOf(text) === csrf]).toEqual([403, false]);
  });

  it.each(['sealgate_interaction', 'sealgate_resume', 'sealgate_as'])(
    'in the cookie %s is signed: a made-up one is none',
    async (name) => {
      const { page, cookie } = await waiting('ada@example.com');
      const uid = new URL(page.url).pathname.split('/')[2];
      const answer = await fetch(page.url, {
        headers: { cookie: `${cookie}; ${name}=${uid}; ${name}.sig=x` },
      });
      expect(answer.status).toBe(404);
    },
  );
});

describe('a code', () => {
  it('put into the session of another client is refused, with that client’s own verifier', async () => {
    const ada = await waiting('ada@example.com');
    const stolen = codeOf(await agree(ada.browser, ada.page)) ?? '';
    const mallory = await waiting('mallory@example.com');
    for (const client_id of [ada.client.client_id, mallory.client.client_id]) {
      const answer = await token(stage.origin, {
        grant_type: 'authorization_code',
        client_id,
        code: stolen,
        code_verifier: mallory.verifier,
        redirect_uri: 'http://127.0.0.1:1/callback',
      });
      expect(answer.body.error).toBe('invalid_grant');
    }
  });

  it('is over after a minute', async () => {
    const { browser, page, client, verifier } = await waiting('ada@example.com');
    const code = codeOf(await agree(browser, page)) ?? '';
    ms += 61_000;
    const answer = await token(stage.origin, {
      grant_type: 'authorization_code',
      client_id: client.client_id,
      code,
      code_verifier: verifier,
      redirect_uri: 'http://127.0.0.1:1/callback',
    });
    expect(answer.body.error).toBe('invalid_grant');
  });

  it('is given with the issuer, so that it is not taken to another server', async () => {
    const { browser, page } = await waiting('ada@example.com');
    const end = await agree(browser, page);
    expect(new URL(end.url).searchParams.get('iss')).toBe(stage.origin);
  });
});

describe('the token endpoint', () => {
  it.each(['grant_type', 'client_id', 'code', 'code_verifier', 'redirect_uri', 'resource'])(
    'refuses two values of %s, or takes them for two resources',
    async (name) => {
      const { form: good } = await letIn(stage);
      const body = new URLSearchParams({ ...good, resource: `${stage.origin}/mcp/docs` });
      const { status } = await post('/token', `${body}&${name}=other`);
      expect(status).toBe(400);
    },
  );

  it.each<[string, (id: string, secret: string) => [string, Record<string, string>]]>([
    ['no secret', (id) => [`client_id=${id}`, {}]],
    ['another secret', (id) => [`client_id=${id}&client_secret=x`, {}]],
    [
      'its secret in other letters',
      (id, secret) => [`client_id=${id}&client_secret=${secret.toLowerCase()}`, {}],
    ],
    [
      'both ways at once',
      (id, secret) => [
        `client_id=${id}&client_secret=${secret}`,
        { authorization: `Basic ${btoa(`${id}:${secret}`)}` },
      ],
    ],
    ['Basic of another client', (id) => ['', { authorization: `Basic ${btoa(`x${id}:y`)}` }]],
    ['Basic that is no pair', () => ['', { authorization: 'Basic !!!' }]],
  ])('lets no client in that keeps a secret, with %s', async (_, shown) => {
    const client = await register(stage.origin, { token_endpoint_auth_method: 'client_secret_basic' });
    const [body, headers] = shown(client.client_id, client.client_secret ?? '');
    const answer = await post('/token', `${body}&grant_type=refresh_token&refresh_token=x`, headers);
    expect(['invalid_client', 'invalid_request']).toContain(answer.error);
  });

  it.each(['GET', 'PUT', 'DELETE'])('takes no %s', async (method) => {
    for (const path of ['/token', '/revoke', '/introspect'])
      expect((await fetch(`${stage.origin}${path}?grant_type=refresh_token`, { method })).status).toBe(404);
  });

  it('takes no JSON, and nothing from the query', async () => {
    const { form: good } = await letIn(stage);
    const json = { 'content-type': 'application/json' };
    expect((await post('/token', JSON.stringify(good), json)).status).toBe(400);
    expect((await post(`/token?${new URLSearchParams(good)}`, '')).status).toBe(400);
  });
});

describe('a resource', () => {
  it.each(['ORIGIN/mcp/other', 'ORIGIN/mcp', 'https://evil.example/mcp/docs'])(
    'of a refreshed token stays the one it was: not %s',
    async (other) => {
      const { client, tokens } = await letIn(stage);
      const refresh = { grant_type: 'refresh_token', client_id: client.client_id };
      const answer = await token(stage.origin, {
        ...refresh,
        refresh_token: tokens.refresh_token,
        resource: other.replace('ORIGIN', stage.origin),
      });
      expect(answer.body.error).toBe('invalid_target');
    },
  );

  it('of two is refused: a token is for one address', async () => {
    const client = await register(stage.origin);
    const { cookie } = await stage.signIn('ada@example.com');
    const url = authorizeUrl(stage.origin, client.client_id, pkce().challenge);
    const end = await openBrowser(cookie).follow(`${url}&resource=${stage.origin}/mcp/other`);
    expect(codeOf(end)).toBeNull();
  });
});

describe('a refresh', () => {
  it('gives no scope that was not agreed to', async () => {
    const { client, tokens } = await letIn(stage, 'ada@example.com', { scope: 'openid offline_access' });
    const answer = await token(stage.origin, {
      grant_type: 'refresh_token',
      client_id: client.client_id,
      refresh_token: tokens.refresh_token,
      scope: 'openid mcp',
    });
    expect(answer.body.error).toBe('invalid_scope');
  });

  it.each(['access_token', 'code'] as const)('takes no %s for a refresh token', async (kind) => {
    const { client, tokens, code } = await letIn(stage);
    const shown = kind === 'code' ? code : tokens.access_token;
    const form = { grant_type: 'refresh_token', client_id: client.client_id, refresh_token: shown };
    expect((await token(stage.origin, form)).body.error).toBe('invalid_grant');
  });

  it('is over after 30 days without use, and with what the person agreed to', async () => {
    const { client, tokens } = await letIn(stage);
    ms += 31 * 24 * 3600_000;
    const form = {
      grant_type: 'refresh_token',
      client_id: client.client_id,
      refresh_token: tokens.refresh_token,
    };
    expect((await token(stage.origin, form)).body.error).toBe('invalid_grant');
  });
});

describe('an access token', () => {
  it('is over after an hour', async () => {
    const { tokens } = await letIn(stage);
    const authorization = `Bearer ${tokens.access_token}`;
    ms += 3590_000;
    expect((await call(stage.origin, 'docs', { authorization })).status).toBe(200);
    ms += 20_000;
    expect((await call(stage.origin, 'docs', { authorization })).status).toBe(401);
  });

  it('is not revoked by a client that it was not given to', async () => {
    const { tokens } = await letIn(stage);
    const eve = await register(stage.origin);
    await post('/revoke', `client_id=${eve.client_id}&token=${tokens.access_token}`);
    const authorization = `Bearer ${tokens.access_token}`;
    expect((await call(stage.origin, 'docs', { authorization })).status).toBe(200);
  });

  it('for every address opens each, and is shown as such by its metadata', async () => {
    const { tokens } = await letIn(stage, 'ada@example.com', { resource: undefined });
    const authorization = `Bearer ${tokens.access_token}`;
    for (const upstream of ['docs', 'other'])
      expect((await call(stage.origin, upstream, { authorization })).status).toBe(200);
  });
});

describe('clients that do not look first', () => {
  it.each(['/.well-known/oauth-authorization-server', '/.well-known/openid-configuration'])(
    'find the endpoints at %s, without having been told of it by a 401',
    async (path) => {
      const metadata = (await (await fetch(`${stage.origin}${path}`)).json()) as Record<string, unknown>;
      expect(metadata).toMatchObject({
        issuer: stage.origin,
        registration_endpoint: `${stage.origin}/register`,
        token_endpoint: `${stage.origin}/token`,
        authorization_endpoint: `${stage.origin}/authorize`,
        code_challenge_methods_supported: ['S256'],
      });
    },
  );

  it.each([
    '/.well-known/oauth-authorization-server/mcp/docs',
    '/.well-known/openid-configuration/mcp/docs',
    '/mcp/docs/.well-known/openid-configuration',
  ])('are told 404 at %s, and go on to the next place', async (path) => {
    expect((await fetch(`${stage.origin}${path}`)).status).toBe(404);
  });

  it('use the hard-coded /register, /authorize and /token, with members nobody knows', async () => {
    const metadata = { client_uri: 'https://x.example', software_version: '1', 'x-unknown': { a: [1] } };
    const change = { 'x-unknown': 'yes', audience: 'everything', access_type: 'offline' };
    const { answer } = await letIn(stage, 'ada@example.com', change, metadata);
    expect(answer.status).toBe(200);
  });
});
