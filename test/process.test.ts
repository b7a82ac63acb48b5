import { randomBytes, randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { censusOf, eventually } from './census.ts';
import { connectHttp } from './fixtures/clients.ts';
import { everythingStdio } from './fixtures/everything.ts';
import { startKeyed } from './fixtures/keyed.ts';
import { startModern } from './fixtures/modern.ts';
import { modernCall, rawHttp, type RawRequest } from './fixtures/raw-http.ts';
import { startRaw } from './fixtures/raw.ts';
import { done, freshDataDir, removeDataDir, sealgate, startSealgate, type Running } from './start.ts';

// What a supervisor, an impatient person and a power cut do to a process.

const limits = { RATE_LIMIT_MCP_RPM: '100000' };
const atEnd: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  while (atEnd.length > 0) await atEnd.pop()?.();
});

async function dataDirForTest(): Promise<string> {
  const dataDir = await freshDataDir();
  atEnd.push(() => removeDataDir(dataDir));
  return dataDir;
}

async function start(dataDir: string, npm = false): Promise<Running> {
  const running = await startSealgate({ dataDir, env: limits, npm });
  atEnd.push(() => running.kill());
  return running;
}

async function keep<T extends { close(): Promise<unknown> }>(starting: Promise<T>): Promise<T> {
  const started = await starting;
  atEnd.push(() => started.close());
  return started;
}

function ask(gateway: Running, name: string, request: RawRequest) {
  const { url, bearer } = gateway.upstream(name);
  return rawHttp(url, { ...request, headers: { ...request.headers, authorization: `Bearer ${bearer}` } });
}

function legacy(method: string, params: object | undefined, session?: string): RawRequest {
  const id = method.startsWith('notifications/') ? {} : { id: 1 };
  return {
    headers: {
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      ...(session === undefined ? {} : { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' }),
    },
    body: JSON.stringify({ jsonrpc: '2.0', ...id, method, ...(params === undefined ? {} : { params }) }),
  };
}

const hello = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'raw', version: '1' } };

async function openSession(gateway: Running, name: string): Promise<string> {
  const session = (await ask(gateway, name, legacy('initialize', hello))).headers['mcp-session-id'];
  if (typeof session !== 'string') throw new Error(`${name} opened no session`);
  await ask(gateway, name, legacy('notifications/initialized', undefined, session));
  return session;
}

describe('a restart', () => {
  it('keeps upstreams, credentials, tokens and the sessions of an HTTP upstream', async () => {
    const dataDir = await dataDirForTest();
    const secret = randomBytes(18).toString('base64url');
    const keyed = await keep(startKeyed({ in: 'bearer' }, secret));
    const sessions = await keep(startModern({ legacy: 'sessions' }));
    const first = await start(dataDir);
    await done(dataDir, ['upstreams', 'add', 'keyed', '--url', keyed.url, '--credential', 'bearer']);
    await done(dataDir, ['upstreams', 'add', 'sessions', '--url', sessions.url]);
    await done(dataDir, ['connections', 'set', 'keyed'], secret);
    const session = await openSession(first, 'sessions');
    expect(await first.stop()).toEqual({ code: 0, signal: null });

    const second = await start(dataDir);
    // The token is the one that the first process issued, on another port.
    expect(second.bearer).toBe(first.bearer);
    expect((await ask(second, 'keyed', modernCall(1, 'report', {}))).status).toBe(200);
    expect(keyed.received.at(-1)?.admitted).toBe(true);
    const listed = await ask(second, 'sessions', legacy('tools/list', {}, session));
    expect(listed.status).toBe(200);
    expect(listed.body).toContain('"echo"');
  });
});

describe('a second gateway on one data directory', () => {
  it('is refused with the reason, and the first goes on', async () => {
    const dataDir = await dataDirForTest();
    const raw = await keep(startRaw());
    const first = await start(dataDir);
    await done(dataDir, ['upstreams', 'add', 'raw', '--url', raw.url]);
    const second = await sealgate(dataDir, ['start']);
    expect(second.code).toBe(4);
    expect(second.stderr).toContain('data_directory_in_use');
    expect(second.stdout).not.toContain('listening');
    expect((await ask(first, 'raw', modernCall(1, 'echo', { text: 'hi' }))).status).toBe(200);
  });
});

describe('SIGTERM', () => {
  it.each([false, true])('lets a call under way finish and ends with 0 (npm start: %s)', async (npm) => {
    const dataDir = await dataDirForTest();
    const upstream = await keep(startModern());
    const gateway = await start(dataDir, npm);
    await done(dataDir, ['upstreams', 'add', 'modern', '--url', upstream.url]);
    const underWay = ask(gateway, 'modern', modernCall(1, 'slow', { steps: 40, stepMs: 25 }));
    expect(await eventually(() => upstream.seen.running === 1)).toBe(true);
    const stopped = gateway.stop();
    const answer = await underWay;
    expect(answer.status).toBe(200);
    expect(answer.body).toContain('40 steps');
    expect(await stopped).toEqual({ code: 0, signal: null });
    expect(upstream.seen.cancelled).toBe(0);
    await expect(ask(gateway, 'modern', modernCall(2, 'echo', { text: 'late' }))).rejects.toThrow(
      'ECONNREFUSED',
    );
  });

  it('ends the children of stdio upstreams', async () => {
    const dataDir = await dataDirForTest();
    const gateway = await start(dataDir);
    const { command, args } = everythingStdio;
    await done(dataDir, ['upstreams', 'add', 'child', '--command', command, '--', ...args]);
    const client = await connectHttp(gateway.upstream('child'), 'legacy');
    const { children } = await censusOf(gateway.pid);
    expect(children).toBeGreaterThanOrEqual(1);
    expect(await gateway.stop()).toEqual({ code: 0, signal: null });
    await client.close().catch(() => undefined);
  });
});

describe('300 clients that come and go without a word', () => {
  async function dropped(gateway: Running, name: string, request: RawRequest): Promise<void> {
    const { url, bearer } = gateway.upstream(name);
    const gone = new AbortController();
    const { method = 'POST', body } = request;
    const headers = { ...(request.headers as Record<string, string>), authorization: `Bearer ${bearer}` };
    const answer = fetch(url, {
      method,
      headers,
      signal: gone.signal,
      ...(body === undefined ? {} : { body: body as string }),
    });
    await Promise.race([answer.catch(() => undefined), new Promise((resolve) => setTimeout(resolve, 100))]);
    gone.abort();
    await answer.catch(() => undefined);
  }

  async function comeAndGo(gateway: Running): Promise<void> {
    const stream = { accept: 'text/event-stream', 'mcp-protocol-version': '2025-11-25' };
    await Promise.all([
      dropped(gateway, 'modern', modernCall(1, 'slow', { steps: 10_000, stepMs: 5 })),
      ...['child', 'modern'].map(async (name) => {
        const session = await openSession(gateway, name);
        await dropped(gateway, name, { method: 'GET', headers: { ...stream, 'mcp-session-id': session } });
      }),
    ]);
  }

  it('leave no child, no handle, no running call and little memory behind', async () => {
    const dataDir = await dataDirForTest();
    const upstream = await keep(startModern({ legacy: 'sessions' }));
    const gateway = await start(dataDir);
    const { command, args } = everythingStdio;
    await done(dataDir, ['upstreams', 'add', 'child', '--command', command, '--', ...args]);
    await done(dataDir, ['upstreams', 'add', 'modern', '--url', upstream.url]);
    for (let count = 0; count < 5; count += 1) await comeAndGo(gateway);
    expect(await eventually(() => upstream.seen.running === 0)).toBe(true);
    const before = await censusOf(gateway.pid);
    for (let round = 0; round < 10; round += 1)
      await Promise.all(Array.from({ length: 10 }, () => comeAndGo(gateway)));
    expect(await eventually(() => upstream.seen.running === 0)).toBe(true);
    const handlesBack = async (): Promise<boolean> =>
      (await censusOf(gateway.pid)).handles <= before.handles + 16;
    expect(await eventually(handlesBack)).toBe(true);
    const after = await censusOf(gateway.pid);
    expect(after.children).toBeLessThanOrEqual(before.children);
    expect(after.residentBytes - before.residentBytes).toBeLessThan(160 * 1024 * 1024);
    expect((await ask(gateway, 'modern', modernCall(2, 'echo', { text: 'still here' }))).body).toContain(
      'still here',
    );
  }, 180_000);
});

describe('kill -9 while it writes', () => {
  it('loses nothing that was acknowledged: upstreams are there, and each answered call has its entry', async () => {
    const dataDir = await dataDirForTest();
    const raw = await keep(startRaw());
    const kept: string[] = [];
    let answered = 0;
    for (let round = 0; round < 3; round += 1) {
      const gateway = await start(dataDir);
      if (round === 0) await done(dataDir, ['upstreams', 'add', 'raw', '--url', raw.url]);
      let over = false;
      const adding = (async () => {
        while (!over) {
          const name = `u${randomUUID().slice(0, 8)}`;
          const { code } = await sealgate(dataDir, ['upstreams', 'add', name, '--url', raw.url]);
          if (code === 0) kept.push(name);
        }
      })();
      const calling = (async () => {
        while (!over) {
          const answer = await ask(gateway, 'raw', modernCall(1, 'echo', { text: 'hi' })).catch(
            () => undefined,
          );
          if (answer?.status === 200) answered += 1;
        }
      })();
      await new Promise((resolve) => setTimeout(resolve, 1500 + round * 331));
      expect(await gateway.kill()).toEqual({ code: null, signal: 'SIGKILL' });
      over = true;
      await Promise.all([adding, calling]);
    }
    const gateway = await start(dataDir);
    const listed = await done(dataDir, ['upstreams', 'list', '--json']);
    expect(kept.filter((name) => !listed.includes(`"${name}"`))).toEqual([]);
    const entries = await done(dataDir, ['audit', 'list', '--limit', '100000', '--json']);
    const calls = entries.split('"tool.call"').length - 1;
    expect(calls).toBeGreaterThanOrEqual(answered);
    expect(answered).toBeGreaterThan(0);
    expect((await ask(gateway, 'raw', modernCall(1, 'echo', { text: 'hi' }))).status).toBe(200);
    expect((await sealgate(dataDir, ['doctor'])).code).toBe(0);
  }, 120_000);
});
