import { stat } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { connectStdioV1 } from './fixtures/client-v1.ts';
import { connectHttp, connectStdio } from './fixtures/clients.ts';
import { everythingStdio, startEverything } from './fixtures/everything.ts';
import type { Listening } from './fixtures/listen.ts';
import { localStdio, opening, startLocalClient, type RawLocal } from './fixtures/local-client.ts';
import { startModern, type ModernUpstream } from './fixtures/modern.ts';
import { everythingPlan, modernPlan } from './fixtures/plans.ts';
import { parity, withoutStatus } from './parity.ts';
import { done, freshDataDir, removeDataDir, sealgate, startSealgate, type Running } from './start.ts';

// `sealgate stdio` as local clients use it: a process they start, over a running gateway or alone.

let everything: Listening;
let modern: ModernUpstream;
let dataDir: string;
const started: RawLocal[] = [];
const gateways: Running[] = [];

async function addUpstreams(folder: string): Promise<void> {
  const { command, args } = everythingStdio;
  await done(folder, ['upstreams', 'add', 'public', '--url', everything.url]);
  await done(folder, ['upstreams', 'add', 'modern', '--url', modern.url]);
  await done(folder, ['upstreams', 'add', 'child', '--command', command, '--', ...args]);
}
async function startGateway(): Promise<Running> {
  const gateway = await startSealgate({ dataDir, signedIn: false });
  gateways.push(gateway);
  return gateway;
}
function startClient(upstream?: string): RawLocal {
  const client = startLocalClient(localStdio(dataDir, upstream));
  started.push(client);
  return client;
}
async function open(client: RawLocal, capabilities: object = {}): Promise<void> {
  const [initialize, initialized] = opening(0, capabilities);
  client.say(initialize);
  expect((await client.hear(({ id }) => id === 0)).result).toMatchObject({ protocolVersion: '2025-11-25' });
  client.say(initialized);
}
const call = (id: number, name: string, args: object = {}) => ({
  jsonrpc: '2.0',
  id,
  method: 'tools/call',
  params: { name, arguments: args },
});

beforeAll(async () => {
  everything = await startEverything();
  modern = await startModern({ legacy: 'sessions' });
  dataDir = await freshDataDir();
  await addUpstreams(dataDir);
}, 60_000);
afterEach(async () => {
  for (const client of started.splice(0)) {
    client.signal('SIGKILL');
    await client.exited;
  }
  for (const gateway of gateways.splice(0)) await gateway.kill();
});
afterAll(async () => {
  await Promise.all([everything.close(), modern.close()]);
  await removeDataDir(dataDir);
});

describe.each(['over a running gateway', 'alone'] as const)('%s', (way) => {
  const prepare = async (): Promise<void> => {
    if (way === 'over a running gateway') await startGateway();
  };
  it('a client of SDK v2 cannot tell it from the upstream, over HTTP and as a child', async () => {
    await prepare();
    for (const name of ['public', 'child']) {
      const direct =
        name === 'child' ? await connectStdio(everythingStdio) : await connectHttp(everything, 'legacy');
      const through = await connectStdio(localStdio(dataDir, name));
      const differences = await parity(direct, through, everythingPlan);
      await Promise.all([direct.close(), through.close()]);
      expect(differences).toEqual([]);
    }
  }, 60_000);
  it('a client of SDK v1 cannot either', async () => {
    await prepare();
    const [direct, through] = [
      await connectStdioV1(everythingStdio),
      await connectStdioV1(localStdio(dataDir, 'child')),
    ];
    const differences = await parity(direct, through, everythingPlan);
    await Promise.all([direct.close(), through.close()]);
    expect(differences).toEqual([]);
  }, 60_000);
  it('a client of 2026-07-28 cannot either', async () => {
    await prepare();
    const direct = await connectHttp(modern, 'modern');
    const through = await connectStdio(localStdio(dataDir, 'modern'), 'modern');
    const differences = await parity(direct, through, { ...modernPlan(modern.seen), settle: withoutStatus });
    await Promise.all([direct.close(), through.close()]);
    expect(differences).toEqual([]);
    expect(modern.seen.running).toBe(0);
  }, 60_000);
  it('asks the client what the upstream wants to know of it', async () => {
    await prepare();
    const client = startClient('public');
    await open(client, { elicitation: {}, sampling: {}, roots: {} });
    client.say(call(1, 'trigger-sampling-request', { prompt: 'canary', maxTokens: 10 }));
    const asked = await client.hear(({ method }) => method === 'sampling/createMessage');
    const content = { type: 'text', text: 'the answer of the model' };
    client.say({ jsonrpc: '2.0', id: asked.id, result: { model: 'm', role: 'assistant', content } });
    const { result } = await client.hear(({ id, method }) => id === 1 && method === undefined);
    expect(JSON.stringify(result)).toContain('the answer of the model');
  }, 30_000);
  it('gives all upstreams as one when none is named', async () => {
    await prepare();
    const client = startClient();
    await open(client);
    client.say({ jsonrpc: '2.0', id: 1, method: 'tools/list' });
    expect(JSON.stringify((await client.hear(({ id }) => id === 1)).result)).toContain('"modern__echo"');
    client.say(call(2, 'modern__echo', { text: 'through all' }));
    expect(JSON.stringify((await client.hear(({ id }) => id === 2)).result)).toContain('through all');
  }, 30_000);
  it('ends with 0 when the client says no more, after its answers', async () => {
    await prepare();
    const before = modern.sessions();
    const client = startClient('modern');
    await open(client);
    expect(modern.sessions()).toBe(before + 1);
    client.say(call(1, 'slow', { steps: 20, stepMs: 10 }));
    client.end();
    expect(await client.exited).toEqual({ code: 0, signal: null });
    expect(client.stdout()).toContain('20 steps');
    expect(modern.sessions()).toBe(before);
  }, 30_000);
  it('says what it cannot read, and nothing but messages on standard output', async () => {
    await prepare();
    const client = startClient('modern');
    client.say('not json');
    client.say('[1]');
    client.say({ jsonrpc: '2.0', id: 5, method: 'tools/list' });
    expect((await client.hear(({ error }) => error?.code === -32_700)).id).toBeNull();
    expect((await client.hear(({ error }) => error?.code === -32_600)).id).toBeNull();
    expect((await client.hear(({ id }) => id === 5)).error).toBeDefined();
    for (const line of client.stdout().trimEnd().split('\n'))
      expect(JSON.parse(line)).toHaveProperty('jsonrpc', '2.0');
  }, 30_000);
});

describe('the gateway behind it', () => {
  it('is the one that runs, for two clients at once, in the name of the local administrator', async () => {
    const gateway = await startGateway();
    const [one, other] = [startClient('modern'), startClient('modern')];
    await Promise.all([open(one), open(other)]);
    one.say(call(7, 'echo', { text: 'to one' }));
    other.say(call(7, 'echo', { text: 'to other' }));
    expect(JSON.stringify(await one.hear(({ id }) => id === 7))).toContain('to one');
    expect(JSON.stringify(await other.hear(({ id }) => id === 7))).toContain('to other');
    expect(one.stdout()).not.toContain('to other');
    const log = await done(dataDir, ['audit', 'list', '--json', '--act', 'tool.call', '--limit', '2']);
    const [entry] = (JSON.parse(log) as { src?: { source?: string } }[]).filter(({ src }) => src);
    expect(entry?.src?.source).toBe('stdio');
    expect((await gateway.stop()).code).toBe(0);
  }, 30_000);
  it('may be killed: what was under way fails, what comes later works again', async () => {
    const gateway = await startGateway();
    const client = startClient('modern');
    await open(client);
    client.say(call(1, 'slow', { steps: 10_000, stepMs: 10 }));
    client.say(call(2, 'echo', { text: 'before' }));
    await client.hear(({ id }) => id === 2);
    await gateway.kill();
    const failed = await client.hear(({ id }) => id === 1);
    expect(failed.error).toMatchObject({ data: { code: 'gateway_unreachable' } });
    await startGateway();
    client.say(call(3, 'echo', { text: 'after' }));
    expect(JSON.stringify((await client.hear(({ id }) => id === 3)).result)).toContain('after');
  }, 60_000);
  it('is not replaced by a client while it is away', async () => {
    const gateway = await startGateway();
    const client = startClient('modern');
    await open(client);
    await gateway.stop();
    client.say(call(1, 'echo', { text: 'x' }));
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const again = await startGateway();
    expect((await client.hear(({ id }) => id === 1)).result ?? again.stderr()).toMatchObject({
      content: [{ text: 'x' }],
    });
  }, 60_000);
  it('may be a client of its own, which the others survive', async () => {
    const first = startClient('modern');
    await open(first);
    const second = startClient('modern');
    await open(second);
    first.end();
    expect((await first.exited).code).toBe(0);
    second.say(call(1, 'echo', { text: 'left alone' }));
    expect(JSON.stringify((await second.hear(({ id }) => id === 1)).result)).toContain('left alone');
  }, 60_000);
  it('ends at once when it is told to', async () => {
    const client = startClient('modern');
    await open(client);
    client.say(call(1, 'slow', { steps: 10_000, stepMs: 10 }));
    client.signal('SIGTERM');
    expect((await client.exited).code).toBe(0);
  }, 30_000);
  it('is refused for an upstream that is not there', async () => {
    const said = await sealgate(dataDir, ['stdio', 'nobody']);
    expect([said.code, said.stdout]).toEqual([1, '']);
    expect(said.stderr).toContain('(upstream_unknown)');
  });
});

describe('the socket', () => {
  const ask = (headers: Record<string, string>): Promise<{ status: number; body: string }> =>
    new Promise((resolve, reject) => {
      const message = { jsonrpc: '2.0', id: 1, method: 'ping' };
      const options = { socketPath: join(dataDir, 'mcp.sock'), path: '/mcp/modern', method: 'POST' };
      const all = { 'content-type': 'application/json', accept: 'application/json', ...headers };
      const asked = request({ ...options, headers: all }, (answer) => {
        let body = '';
        answer.setEncoding('utf8').on('data', (text: string) => (body += text));
        answer.once('end', () => resolve({ status: answer.statusCode ?? 0, body }));
      });
      asked.once('error', reject).end(JSON.stringify(message));
    });
  it('can be opened by its owner alone, in a folder of its owner alone', async () => {
    await startGateway();
    expect((await stat(join(dataDir, 'mcp.sock'))).mode & 0o777).toBe(0o600);
    expect((await stat(dataDir)).mode & 0o077).toBe(0);
  });
  it('turns away what a browser could have sent through a relay', async () => {
    await startGateway();
    const host = 'sealgate.invalid';
    const marks: Record<string, string>[] = [
      { host: 'localhost:3000' },
      { host: 'evil.example' },
      { host, origin: 'http://localhost:3000' },
      { host, origin: 'null' },
      { host, cookie: 'a=b' },
      { host, 'sec-fetch-site': 'same-origin' },
      { host, 'x-forwarded-for': '127.0.0.1' },
    ];
    for (const headers of marks) expect((await ask(headers)).status).toBe(403);
    expect((await ask({ host })).status).not.toBe(403);
  });
});
