import { once } from 'node:events';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { bodyOf, standardResult, type Message } from './fixtures/bare.ts';
import { listen, type Listening } from './fixtures/listen.ts';
import { openPerson } from './fixtures/sign-in.ts';
import { agreed, partedClient, type At, type PartedClient } from './instances-client.ts';
import { openDeployment, type Deployment } from './instances-stage.ts';
import { overSocket } from './start.ts';

// Two processes that are one deployment. What one has fetched the other does not ask for again, and what is under way at
// one ends with a grant that is revoked at the other.

let site: Deployment;
let client: PartedClient;
let upstream: Listening;
/** Requests that the upstream got, by method, and how many of them were broken off. */
const got = { list: 0, call: 0, cut: 0 };

const results: Readonly<Record<string, (message: Message) => object | undefined>> = {
  'tools/list': () => {
    got.list += 1;
    const tools = [{ name: 'hang', description: '', inputSchema: { type: 'object', properties: {} } }];
    return { resultType: 'complete', tools, ttlMs: 60_000, cacheScope: 'private' };
  },
  'tools/call': () => {
    got.call += 1;
    return undefined;
  },
};

beforeAll(async () => {
  upstream = await listen(async (asked, answer) => {
    const message = JSON.parse((await bodyOf(asked)).toString()) as Message;
    const known = results[message.method ?? ''];
    const result = known === undefined ? standardResult(message, 'counting', []) : known(message);
    if (result === undefined) return void answer.once('close', () => (got.cut += 1));
    answer.writeHead(200, { 'content-type': 'application/json' });
    answer.end(JSON.stringify({ jsonrpc: '2.0', id: message.id, result }));
  });
  site = await openDeployment();
  client = partedClient(site.origin);
  await administer('a', 'upstreams.add', adding());
  while (!(await overSocket(site.b.dataDir, 'upstreams.list', {})).includes('counting')) await sleep(50);
});
afterAll(async () => {
  await site.close();
  await upstream.close();
});
beforeEach(() => Object.assign(got, { list: 0, call: 0, cut: 0 }));

const adding = () => ({ upstream: { kind: 'http', name: 'counting', url: upstream.url } });

async function administer(at: At, operation: string, input: object): Promise<string> {
  const answer = await overSocket(site[at].dataDir, operation, input);
  if (!(JSON.parse(answer) as { readonly ok: boolean }).ok) throw new Error(answer);
  return answer;
}

interface In {
  readonly authorization: string;
  /** Revoke the access token alone, or by the refresh token the whole grant. */
  revoke(at: At, which?: 'access_token' | 'refresh_token'): Promise<void>;
}

async function letIn(): Promise<In> {
  const person = openPerson(async () => {
    const { result } = JSON.parse(await administer('a', 'sign-in.link', {})) as { result: { link: string } };
    return result.link;
  });
  const { client_id: clientId = '' } = await client.register('a');
  const { body } = await client.token('b', await agreed(client, person, clientId));
  return {
    authorization: `Bearer ${body['access_token']}`,
    async revoke(at, which = 'refresh_token') {
      const form = { client_id: clientId, token: body[which] ?? '' };
      const headers = { 'x-to': at };
      const sent = { method: 'POST', headers, body: new URLSearchParams(form) };
      expect((await fetch(`${site.origin}/revoke`, sent)).status).toBe(200);
    },
  };
}

const meta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'news', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};

function modern(authorization: string, method: string, params: Readonly<Record<string, unknown>> = {}) {
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { ...params, _meta: meta } });
  const { name } = params;
  const headers = {
    authorization,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': method,
    ...(typeof name === 'string' ? { 'mcp-name': name } : {}),
  };
  return { body, headers };
}

async function list(at: At, authorization: string): Promise<string> {
  const { body, headers } = modern(authorization, 'tools/list');
  const sent = { method: 'POST', headers: { ...headers, 'x-to': at }, body };
  return (await fetch(`${site.origin}/mcp`, sent)).text();
}

it('what one has listed the other shows without asking the upstream, until the upstream is changed', async () => {
  let authorization = '';
  let askedByB = Infinity;
  // Nobody waits for the page to be shared: a machine may be busy for a moment, and each person has pages of their own.
  for (let tries = 1; tries <= 5 && askedByB > 0; tries += 1) {
    ({ authorization } = await letIn());
    expect(await list('a', authorization)).toContain('counting__hang');
    await sleep(500 * tries);
    const before = got.list;
    expect(await list('b', authorization)).toContain('counting__hang');
    askedByB = got.list - before;
  }
  expect(askedByB).toBe(0);
  got.list = 1;
  await administer('a', 'upstreams.remove', { name: 'counting' });
  await administer('a', 'upstreams.add', adding());
  await vi.waitFor(
    async () => {
      expect(await list('b', authorization)).toContain('counting__hang');
      expect(got.list).toBeGreaterThan(1);
    },
    { timeout: 8000, interval: 100 },
  );
});

const calling = { name: 'hang', arguments: {} };
const statusAtA = async (authorization: string): Promise<number> => {
  const answer = await client.ping('a', 'counting', { authorization });
  await answer.body?.cancel();
  return answer.status;
};

const tokens = ['access_token', 'refresh_token'] as const;

it.each(tokens)(
  'a call whose body is kept back until its %s is revoked at the other reaches no upstream',
  async (which) => {
    const { authorization, revoke } = await letIn();
    const { body, headers } = modern(authorization, 'tools/call', calling);
    const length = { 'content-length': Buffer.byteLength(body) };
    const kept = request(`${site.a.url}/mcp/counting`, {
      method: 'POST',
      headers: { ...headers, ...length },
    });
    kept.write(body.slice(0, 10));
    // It was let in: whoever is not is answered at once.
    await sleep(300);
    await revoke('b', which);
    await vi.waitFor(async () => expect(await statusAtA(authorization)).toBe(401), { timeout: 5000 });
    kept.end(body.slice(10));
    const [answer] = (await once(kept, 'response')) as [{ statusCode: number; resume(): void }];
    answer.resume();
    expect(answer.statusCode).toBe(401);
    expect(got.call).toBe(0);
  },
);

it('a call that is under way at one is broken off when its grant is revoked at the other', async () => {
  const { authorization, revoke } = await letIn();
  const { body, headers } = modern(authorization, 'tools/call', calling);
  const sent = { method: 'POST', headers: { ...headers, 'x-to': 'a' }, body };
  const answered = fetch(`${site.origin}/mcp/counting`, sent).then(
    (answer) => `answered with ${answer.status}`,
    () => 'broken off',
  );
  await vi.waitFor(() => expect(got.call).toBe(1), { timeout: 5000 });
  await revoke('b');
  await vi.waitFor(() => expect(got.cut).toBe(1), { timeout: 5000 });
  expect(await answered).toMatch(/broken off|answered with 502/);
});
