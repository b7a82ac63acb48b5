import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { upstreamObject } from '../packages/server/src/domain/upstreams.ts';
import type { StdioUpstream } from '../packages/server/src/domain/upstream.ts';
import { initConfig, openLog, startServer, type Server } from '../packages/server/src/main.ts';
import { callback, letIn, type LetIn } from './fixtures/sign-in.ts';
import { openBrowser } from './judges/browser.ts';
import { freshDataDir, removeDataDir } from './start.ts';

// Attacks over the whole gateway: a member of the same group, an owner of another group, each with a valid account, and
// somebody who has a token that was revoked. What is stolen is one value of the other's.

type Values = Record<string, unknown>;
type Said = { readonly status: number; readonly text: string; readonly headers: Headers };

let dataDir: string;
let server: Server;
let victim: LetIn;
let colleague: LetIn;
let stranger: LetIn;
let second: { readonly subject: string };

const child = (name: string, path: string, ...args: string[]): StdioUpstream => ({
  kind: 'stdio',
  name,
  command: process.execPath,
  args: [fileURLToPath(new URL(path, import.meta.url)), ...args],
  env: {},
  cwd: undefined,
  credential: undefined,
});

beforeAll(async () => {
  dataDir = await freshDataDir();
  const env = { DATA_DIR: dataDir, PORT: '0', NODE_ENV: 'development', RATE_LIMIT_MCP_RPM: '1000000' };
  server = await startServer(initConfig({ env, cwd: dataDir }), openLog('error'), () => undefined);
  const { ground, signIn, origin } = server;
  const first = ground.administrator;
  second = await ground.people.ensureByEmail('second@example.test');
  const { tenant: other } = second as { tenant: string; subject: string };
  const member = { groupId: first.tenant, userId: second.subject, role: 'member', createdAtMs: Date.now() };
  await ground.tables.put('memberships', member);
  for (const tenant of [first.tenant, other])
    for (const upstream of [
      child('tiny', '../packages/server/src/gateway/stdio/fixtures/tiny-child.mjs'),
      child('canaries', 'fixtures/canaries.ts', '--both'),
    ]) {
      const actor = { type: 'person', id: first.subject } as const;
      const context = { tenant, actor, source: 'cli', correlation: crypto.randomUUID() } as const;
      const act = { act: 'upstream.add' as const, object: upstreamObject(tenant, upstream.name) };
      await ground.upstreams.add(await ground.audit.record('strict', context, act), tenant, upstream);
    }
  const enter = (subject: string, group: string): Promise<LetIn> => {
    const link = async (): Promise<string> => (await signIn?.links.linkFor(subject)) ?? '';
    return letIn(origin, openBrowser({ link, stopAt: callback, group }));
  };
  victim = await enter(first.subject, first.tenant);
  colleague = await enter(second.subject, first.tenant);
  stranger = await enter(second.subject, other);
}, 60_000);

afterAll(async () => {
  await server?.close();
  await removeDataDir(dataDir);
});

interface How {
  readonly headers?: Record<string, string>;
  readonly verb?: string;
}

function send(who: LetIn, path: string, body: unknown, { headers = {}, verb = 'POST' }: How = {}) {
  return fetch(`${server.origin}${path}`, {
    method: verb,
    headers: {
      authorization: `Bearer ${who.accessToken}`,
      accept: verb === 'GET' ? 'text/event-stream' : 'application/json, text/event-stream',
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
}

async function said(...asked: Parameters<typeof send>): Promise<Said> {
  const response = await send(...asked);
  return { status: response.status, text: await response.text(), headers: response.headers };
}

const rpc = (method: string, params: Values = {}, id: unknown = 1): Values => ({
  jsonrpc: '2.0',
  id,
  method,
  params,
});

async function openSession(who: LetIn, path: string, capabilities: Values = {}) {
  const clientInfo = { name: 't', version: '1' };
  const params = { protocolVersion: '2025-11-25', capabilities, clientInfo };
  const { headers } = await said(who, path, rpc('initialize', params));
  const session = {
    'mcp-session-id': headers.get('mcp-session-id') ?? '',
    'mcp-protocol-version': '2025-11-25',
  };
  await said(who, path, { jsonrpc: '2.0', method: 'notifications/initialized' }, { headers: session });
  return session;
}

const prefix = 'io.modelcontextprotocol/';
const meta = {
  [`${prefix}protocolVersion`]: '2026-07-28',
  [`${prefix}clientCapabilities`]: { elicitation: { form: {} } },
  [`${prefix}clientInfo`]: { name: 't', version: '1' },
};
const modern = (method: string, name?: string): Record<string, string> => ({
  'mcp-protocol-version': '2026-07-28',
  'mcp-method': method,
  ...(name === undefined ? {} : { 'mcp-name': name }),
});
const call = (path: string, name: string, more: Values = {}) =>
  [path, rpc('tools/call', { name, _meta: meta, ...more }), { headers: modern('tools/call', name) }] as const;

const answerIn = (text: string): { result: Values; error: Values } =>
  JSON.parse(
    text.startsWith('{')
      ? text
      : text
          .split('\n')
          .findLast((line) => line.startsWith('data: '))!
          .slice(6),
  ) as never;

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 750; tries += 1) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('it never came to hold');
}

describe.each(['/mcp', '/mcp/tiny'])('a stolen session id of %s', (path) => {
  it('is no session for a colleague, for a stranger, or at another address', async () => {
    const headers = await openSession(victim, path);
    for (const thief of [colleague, stranger])
      for (const [body, verb] of [
        [rpc('tools/list'), 'POST'],
        [{ jsonrpc: '2.0', id: 'x', result: {} }, 'POST'],
        [undefined, 'GET'],
        [undefined, 'DELETE'],
      ] as const)
        for (const more of [{}, { 'last-event-id': 'get.1.0' }]) {
          const answer = await said(thief, path, body, { verb, headers: { ...headers, ...more } });
          expect([answer.status, answer.text]).toEqual([404, expect.stringContaining('session_unknown')]);
        }
    const elsewhere = path === '/mcp' ? '/mcp/tiny' : '/mcp';
    expect((await said(victim, elsewhere, rpc('tools/list'), { headers })).status).toBe(404);
    expect((await said(victim, path, rpc('ping'), { headers })).text).toContain('"result":{}');
  });
});

describe('a stolen request state', () => {
  it('opens for nobody but the person and client it was given to, with the arguments it was given for', async () => {
    const asked = answerIn(
      (await said(victim, ...call('/mcp/canaries', 'elicit', { arguments: { word: 'w' } }))).text,
    );
    const { requestState, inputRequests } = asked.result;
    const inputResponses = Object.fromEntries(
      Object.keys(inputRequests as Values).map((key) => [
        key,
        { action: 'accept', content: { said: 'thief' } },
      ]),
    );
    const state = String(requestState);
    const changed = `${state.slice(0, -2)}${state.endsWith('xx') ? 'yy' : 'xx'}`;
    const answered = { requestState, inputResponses, arguments: { word: 'w' } };
    for (const [who, more] of [
      [colleague, answered],
      [stranger, answered],
      [victim, { ...answered, requestState: changed }],
    ] as const) {
      const { text } = await said(who, ...call('/mcp/canaries', 'elicit', more));
      expect(text).not.toContain('"complete"');
      expect(answerIn(text).error ?? answerIn(text).result['resultType']).not.toBe('complete');
    }
    const { text } = await said(victim, ...call('/mcp/canaries', 'elicit', answered));
    expect(text).toContain('thief');
  });
});

describe('a hostile client of the address for all', () => {
  const list = JSON.stringify(rpc('tools/list', { _meta: meta }));
  const deep = `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"x":${'['.repeat(5000)}${']'.repeat(5000)}}}}`;
  const wrong: readonly (readonly [string, unknown, Record<string, string>])[] = [
    ['another name in the header', call('/mcp', 'tiny__pid')[1], modern('tools/call', 'tiny__die')],
    ['another name in base64', call('/mcp', 'tiny__pid')[1], modern('tools/call', '=?base64?dGlueV9fZGll?=')],
    ['broken base64', call('/mcp', 'tiny__pid')[1], modern('tools/call', '=?base64?!?=')],
    ['another method in the header', list, modern('tools/call')],
    [
      'another revision in the header',
      list,
      { ...modern('tools/list'), 'mcp-protocol-version': '2025-11-25' },
    ],
    ['a batch', `[${list},${list}]`, modern('tools/list')],
    ['the same key twice', list.replace('{', '{"method":"tools/call",'), modern('tools/list')],
    ['a key in other letters', list.replace('{', '{"Method":"tools/call",'), modern('tools/list')],
    ['a deep _meta', deep, {}],
    ['no revision in the body', rpc('tools/list'), modern('tools/list')],
  ];

  it.each(wrong)('is refused with %s', async (_, body, headers) => {
    const { status, text } = await said(victim, '/mcp', body, { headers });
    expect([status, text]).toEqual([400, expect.stringContaining('"error"')]);
  });

  it('gets nothing by a session id beside a request of the newer era', async () => {
    const session = await openSession(victim, '/mcp/tiny');
    const headers = { ...modern('tools/call', 'echo'), 'mcp-session-id': session['mcp-session-id'] };
    const body = rpc('tools/call', { name: 'echo', arguments: { text: 'x' }, _meta: meta });
    for (const who of [victim, colleague])
      expect((await said(who, '/mcp/tiny', body, { headers })).status).toBe(200);
    for (const verb of ['GET', 'DELETE'])
      expect((await said(victim, '/mcp/tiny', undefined, { verb, headers })).status).toBe(405);
    expect((await said(victim, '/mcp/tiny', rpc('ping'), { headers: session })).status).toBe(200);
  });
});

// Last, as they end the access of those who came before.
describe('access that is ended', () => {
  const held = async (who: LetIn) => {
    const headers = await openSession(who, '/mcp/tiny', { roots: {} });
    const { text } = await said(who, '/mcp/tiny', rpc('tools/call', { name: 'pid' }), { headers });
    const pid = Number(((answerIn(text).result['content'] as Values[])[0] ?? {})['text']);
    expect(isAlive(pid)).toBe(true);
    const stream = await send(who, '/mcp/tiny', undefined, { verb: 'GET', headers });
    expect(stream.status).toBe(200);
    const hanging = said(who, '/mcp/tiny', rpc('tools/call', { name: 'hang' }, 2), { headers });
    const [path, body, how] = call('/mcp/canaries', 'elicit', { arguments: { word: 'w' } });
    expect((await said(who, path, body, how)).text).toContain('input_required');
    return { headers, pid, over: Promise.allSettled([stream.text(), hanging]) };
  };

  it('by a revoked token, ends its stream, its session, its child and its calls', async () => {
    const { headers, pid, over } = await held(stranger);
    const form = new URLSearchParams({ token: stranger.refreshToken, client_id: stranger.clientId });
    expect((await fetch(`${server.origin}/revoke`, { method: 'POST', body: form })).status).toBe(200);
    await over;
    await until(() => !isAlive(pid));
    expect((await said(stranger, '/mcp/tiny', rpc('ping'), { headers })).status).toBe(401);
  }, 30_000);

  it('by a membership that is gone, does too', async () => {
    const { headers, pid, over } = await held(colleague);
    const { tables, administrator } = server.ground;
    await tables.remove('memberships', { groupId: administrator.tenant, userId: second.subject });
    await over;
    await until(() => !isAlive(pid));
    expect((await said(colleague, '/mcp/tiny', rpc('ping'), { headers })).status).toBe(401);
    expect(
      (await said(victim, '/mcp', rpc('tools/list', { _meta: meta }), { headers: modern('tools/list') }))
        .status,
    ).toBe(200);
  }, 30_000);
});
