import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RouteLine } from '../packages/server/src/http/server.ts';
import { modernCall, rawHttp, type RawAnswer } from './fixtures/raw-http.ts';
import { callback, letIn } from './fixtures/sign-in.ts';
import { canaries, openTwoGroups, type Somebody, type TwoGroups } from './fixtures/two-groups.ts';
import { openBrowser } from './judges/browser.ts';

// Every route of the running router, as the product itself lists them: asked by nobody, and by somebody of another group
// who names what is not theirs. A route that is added later has no row here, and fails until it has one.

let stage: TwoGroups;
beforeAll(async () => {
  stage = await openTwoGroups();
});
afterAll(() => stage.close());

/** The guard, and the status for nobody and for Eve. */
type Row = readonly [RouteLine['guard'], number, number];

const openid = '/.well-known/openid-configuration';
const server = '/.well-known/oauth-authorization-server';
const resource = '/.well-known/oauth-protected-resource';

function mcpRows(
  url: string,
  other: Readonly<Record<'POST' | 'GET' | 'DELETE', number>>,
): Record<string, Row> {
  const refused = ['PUT', 'PATCH', 'OPTIONS', 'HEAD'].map((method): [string, Row] => [
    `${method} ${url}`,
    ['bearer', 405, 405],
  ]);
  const asked = Object.entries(other).map(([method, status]): [string, Row] => [
    `${method} ${url}`,
    ['bearer', 401, status],
  ]);
  return Object.fromEntries([...refused, ...asked]);
}

function metadataRows(url: string): Record<string, Row> {
  return { [`GET ${url}`]: ['public', 200, 200], [`OPTIONS ${url}`]: ['public', 204, 204] };
}

const rows: Readonly<Record<string, Row>> = {
  'GET /health': ['public', 200, 200],
  'GET /health/live': ['public', 200, 200],
  'GET /metrics': ['machine', 200, 200],
  // For auditors alone: Eve's token and her session are nobody's here, and so are Ada's.
  'GET /audit/checkpoint': ['auditor', 401, 401],
  'GET /audit/consistency': ['auditor', 401, 401],
  'GET /audit/events': ['auditor', 401, 401],
  'GET /audit/events/:id': ['auditor', 401, 401],
  'GET /audit/export': ['auditor', 401, 401],
  'GET /audit/log/*': ['auditor', 401, 401],
  'GET /audit/proof': ['auditor', 401, 401],
  'GET /audit/reports/:name': ['auditor', 401, 401],
  'GET /audit/search': ['auditor', 401, 401],
  'GET /audit/stats': ['auditor', 401, 401],
  // All of Eve's own upstreams, of which there are none.
  ...mcpRows('/mcp', { POST: 200, GET: 406, DELETE: 400 }),
  ...mcpRows('/mcp/:upstream', { POST: 404, GET: 404, DELETE: 404 }),
  // A token is for the group that it was granted for.
  ...mcpRows('/t/:group/mcp', { POST: 401, GET: 401, DELETE: 401 }),
  ...mcpRows('/t/:group/mcp/:upstream', { POST: 401, GET: 401, DELETE: 401 }),
  'GET /authorize': ['public', 400, 400],
  'GET /authorize/:uid': ['public', 400, 400],
  'POST /token': ['public', 400, 400],
  'OPTIONS /token': ['public', 404, 404],
  'POST /revoke': ['public', 400, 200],
  'OPTIONS /revoke': ['public', 404, 404],
  'POST /introspect': ['public', 400, 200],
  'OPTIONS /introspect': ['public', 404, 404],
  'GET /jwks': ['public', 200, 200],
  'OPTIONS /jwks': ['public', 404, 404],
  'POST /register': ['public', 201, 401],
  'OPTIONS /register': ['public', 204, 204],
  'GET /register/:clientId': ['public', 401, 401],
  'PUT /register/:clientId': ['public', 401, 401],
  'DELETE /register/:clientId': ['public', 401, 401],
  'OPTIONS /register/:clientId': ['public', 204, 204],
  [`GET ${server}`]: ['public', 200, 200],
  [`OPTIONS ${server}`]: ['public', 404, 404],
  [`GET ${openid}`]: ['public', 200, 200],
  [`OPTIONS ${openid}`]: ['public', 404, 404],
  [`GET ${resource}`]: ['public', 200, 200],
  [`OPTIONS ${resource}`]: ['public', 204, 204],
  [`GET ${resource}/mcp`]: ['public', 200, 200],
  [`OPTIONS ${resource}/mcp`]: ['public', 204, 204],
  ...metadataRows(`${resource}/mcp/:upstream`),
  ...metadataRows(`${resource}/t/:group/mcp`),
  ...metadataRows(`${resource}/t/:group/mcp/:upstream`),
  'GET /interaction/:uid': ['page', 404, 404],
  'POST /interaction/:uid/confirm': ['page', 404, 404],
  'GET /sign-in': ['page', 200, 200],
  'POST /sign-in': ['page', 200, 200],
  'GET /sign-in/link': ['page', 400, 400],
  'POST /sign-in/link': ['page', 400, 400],
  'POST /sign-out': ['page', 303, 403],
};

function mcpCall(): Sent & { body: string } {
  const { headers, body } = modernCall(1, 'echo', {});
  return { headers: headers as Record<string, string>, body };
}

const named = ({ method, url }: RouteLine): string => `${method} ${url}`;

interface Sent {
  readonly body?: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What is sent: everything of Ada's that the route could be asked about. */
function sentTo({ method, url }: RouteLine, who: Somebody | undefined): Sent {
  const { ada, interaction } = stage;
  const id: Record<string, string> = who === undefined ? {} : { client_id: who.client.clientId };
  const forms: Readonly<Record<string, Record<string, string>>> = {
    '/token': { ...id, grant_type: 'refresh_token', refresh_token: ada.client.refreshToken },
    '/revoke': { ...id, token: ada.client.accessToken },
    '/introspect': { ...id, token: ada.client.accessToken },
    '/interaction/:uid/confirm': { decision: 'allow', uid: interaction, csrf: 'x' },
    '/sign-in': { email: 'ada@example.com' },
    '/sign-in/link': { token: 'x'.repeat(43) },
    '/sign-out': { csrf: 'x' },
  };
  if (method === 'POST' && forms[url] !== undefined)
    return {
      body: new URLSearchParams(forms[url]).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    };
  if (['POST', 'PUT'].includes(method) && url.startsWith('/register'))
    return {
      body: JSON.stringify({ redirect_uris: [callback], client_id: ada.client.clientId }),
      headers: { 'content-type': 'application/json' },
    };
  return method === 'POST' && /^\/(?:mcp|t\/)/.test(url) ? mcpCall() : { headers: {} };
}

async function ask(route: RouteLine, who?: Somebody, upstream: string = canaries.upstream) {
  const { body, headers } = sentTo(route, who);
  // A client's own form says who it is: a token beside it would make the request invalid for that alone.
  const token =
    who === undefined || body?.includes('client_id=') === true ? undefined : who.client.accessToken;
  const shown = {
    ...(who === undefined ? {} : { cookie: who.cookie }),
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
  const path = route.url
    .replace(':upstream', upstream)
    .replace(':group', stage.server.ground.administrator.tenant)
    .replace(':uid', stage.interaction)
    .replace(':clientId', stage.ada.client.clientId);
  const answer = await rawHttp(`${stage.server.origin}${path}`, {
    method: route.method,
    headers: { ...headers, ...shown },
    ...(body === undefined ? {} : { body }),
  });
  return { ...answer, text: textOf(answer), path, sent: `${path} ${body ?? ''}` };
}

/** Everything that an answer says, without what is new in each. */
function textOf({ status, headers, body }: RawAnswer): string {
  const lasting = Object.entries(headers).filter(([name]) => !/^date$|ratelimit/.test(name));
  return JSON.stringify([status, lasting, body]).replaceAll(
    /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g,
    'ID',
  );
}

it('the router has exactly the routes that are judged here', () => {
  expect(stage.server.routes.map(named).toSorted()).toEqual(Object.keys(rows).toSorted());
});

describe.each(Object.entries(rows))('%s', (name, [guard, alone, foreign]) => {
  const route = (): RouteLine => stage.server.routes.find((each) => named(each) === name)!;

  it('has its guard, and answers nobody as it promises', async () => {
    const answer = await ask(route());
    expect([route().guard, answer.status]).toEqual([guard, alone]);
    const challenge = `resource_metadata="${stage.server.origin}${resource}${answer.path}"`;
    expect(answer.headers['www-authenticate'] ?? '').toContain(
      guard === 'bearer' && alone === 401 ? challenge : '',
    );
    expect(told(answer)).toEqual([]);
  });

  it('tells somebody of another group nothing of the first', async () => {
    const answer = await ask(route(), stage.eve);
    expect(answer.status).toBe(foreign);
    expect(told(answer)).toEqual([]);
  });
});

it.each(Object.keys(rows).filter((name) => name.includes(':upstream')))(
  '%s does not show by its answer whether there is an upstream',
  async (name) => {
    const route = stage.server.routes.find((each) => named(each) === name)!;
    for (const who of [undefined, stage.eve]) {
      const [there, nowhere] = [await ask(route, who), await ask(route, who, 'madeup-upstream')];
      expect(there.text).toBe(nowhere.text.replaceAll('madeup-upstream', canaries.upstream));
    }
  },
);

/** What an answer has of Ada's that was not in the question. */
function told({ text, sent }: { text: string; sent: string }): readonly string[] {
  return stage.secrets.filter((secret) => text.includes(secret) && !sent.includes(secret));
}

describe('a token that does not belong to the address', () => {
  const call = mcpCall;
  const at = async (headers: Record<string, string | readonly string[]>, query = '', body = call().body) =>
    rawHttp(`${stage.server.origin}/mcp/${canaries.upstream}${query}`, {
      headers: { ...call().headers, ...headers },
      body,
    });

  const administrator = () =>
    openBrowser({
      link: async () => ((await stage.server.operations.call('sign-in.link', {})) as { link: string }).link,
      stopAt: callback,
    });

  it.each<[string, (token: string) => Record<string, string | readonly string[]>]>([
    ['twice', (token) => ({ authorization: [`Bearer ${token}`, `Bearer ${token}`] })],
    ['after another', (token) => ({ authorization: ['Bearer x', `Bearer ${token}`] })],
    ['in a list', (token) => ({ authorization: `Bearer x, Bearer ${token}` })],
    ['with a letter more', (token) => ({ authorization: `Bearer ${token}x` })],
    ['with a letter less', (token) => ({ authorization: `Bearer ${token.slice(0, -1)}` })],
    ['in other capitals', (token) => ({ authorization: `Bearer ${token.toUpperCase()}` })],
    ['with two spaces', (token) => ({ authorization: `Bearer  ${token}` })],
    ['without a scheme', (token) => ({ authorization: token })],
    ['as Basic', (token) => ({ authorization: `Basic ${Buffer.from(`${token}:`).toString('base64')}` })],
    ['as DPoP', (token) => ({ authorization: `DPoP ${token}` })],
    ['as a cookie', (token) => ({ cookie: `sealgate_session=${token}; access_token=${token}` })],
    ['in another header', (token) => ({ 'x-access-token': token, 'proxy-authorization': `Bearer ${token}` })],
    ['of nobody', () => ({ authorization: `Bearer ${'x'.repeat(43)}` })],
    ['of ten thousand letters', () => ({ authorization: `Bearer ${'x'.repeat(10_000)}` })],
  ])('%s opens nothing', async (_, headers) => {
    const answer = await at(headers(stage.ada.client.accessToken));
    expect([answer.status, answer.headers['www-authenticate']]).toEqual([
      401,
      expect.stringContaining('resource_metadata='),
    ]);
  });

  it('in the query or in a form opens nothing', async () => {
    const token = stage.ada.client.accessToken;
    expect((await at({}, `?access_token=${token}`)).status).toBe(401);
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    expect((await at(form, '', `access_token=${token}`)).status).toBe(401);
  });

  it('for another upstream opens nothing, and a cookie alone opens nothing', async () => {
    const { origin } = stage.server;
    const { accessToken } = await letIn(origin, administrator(), { resource: `${origin}/mcp/other` });
    expect((await at({ authorization: `Bearer ${accessToken}` })).status).toBe(401);
    expect((await at({ cookie: stage.ada.cookie })).status).toBe(401);
  });

  it('that is revoked opens nothing from then on', async () => {
    const { origin } = stage.server;
    const { accessToken, clientId } = await letIn(origin, administrator());
    const headers = { authorization: `Bearer ${accessToken}` };
    expect((await at(headers)).status).not.toBe(401);
    const body = new URLSearchParams({ client_id: clientId, token: accessToken });
    expect((await fetch(`${origin}/revoke`, { method: 'POST', body })).status).toBe(200);
    expect((await at(headers)).status).toBe(401);
  });
});

describe('the figures', () => {
  it.each([
    ['through a proxy that says so', { 'x-forwarded-for': '203.0.113.7' }],
    ['through a proxy that says so by the standard', { forwarded: 'for=203.0.113.7' }],
    ['through a proxy that names itself', { via: '1.1 proxy' }],
  ])('are not told %s', async (_, headers) => {
    expect((await rawHttp(`${stage.server.origin}/metrics`, { method: 'GET', headers })).status).toBe(404);
  });
});

it('nothing that anybody tried has taken anything from the first', async () => {
  const { server: gateway, ada } = stage;
  const { accessToken, clientId, refreshToken, registrationToken } = ada.client;
  const call = modernCall(1, 'echo', {});
  const headers = { ...call.headers, authorization: `Bearer ${accessToken}` };
  expect((await rawHttp(`${gateway.origin}/mcp/${canaries.upstream}`, { ...call, headers })).status).toBe(
    502,
  );
  const own = await fetch(`${gateway.origin}/register/${clientId}`, {
    headers: { authorization: `Bearer ${registrationToken}` },
  });
  expect(own.status).toBe(200);
  const form = { grant_type: 'refresh_token', client_id: clientId, refresh_token: refreshToken };
  const fresh = await fetch(`${gateway.origin}/token`, { method: 'POST', body: new URLSearchParams(form) });
  expect(fresh.status).toBe(200);
  const page = await fetch(`${gateway.origin}/sign-in`, { headers: { cookie: ada.cookie } });
  expect(await page.text()).toContain('/sign-out');
});
