import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AuditOutcome, ConnectionChange, ConnectionListener, Gate, Lent, Use } from '@sealgate/vault';
import { afterEach, describe, expect, it } from 'vitest';
import { boundDefaults, boundGate, type BoundedGate, type BoundSettings } from './bounded-gate.ts';
import { carrying, closeAll, upstream } from './fixtures/carrying.ts';
import { Silence } from './silence.ts';

afterEach(closeAll);

interface Sending {
  readonly method?: 'POST' | 'GET';
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
  readonly tenant?: string;
  readonly name?: string;
}

interface Room {
  readonly gate: BoundedGate;
  /** Attempts that got as far as the journal. */
  readonly attempts: string[];
  clockMs: number;
  /** Call an upstream at `origin` and say what came of it: a status or a code. */
  call(origin: string, sending?: Sending): Promise<number | string>;
  change(change: Pick<ConnectionChange, 'tenant' | 'upstream'>): void;
}

function open(settings: Partial<BoundSettings> = {}, callMs = 30_000): Room {
  const carry = carrying({ callMs, connectMs: 500 });
  const attempts: string[] = [];
  const listeners: ConnectionListener[] = [];
  const inner: Gate = {
    async use(asked, work) {
      attempts.push(asked.act);
      await work(carry);
    },
    lendToChild: async () => ({ environment: {}, connection: undefined }),
    lends: async () => undefined,
    onChange(listener) {
      listeners.push(listener);
      return () => undefined;
    },
  };
  const room: Room = {
    attempts,
    clockMs: 0,
    gate: boundGate(inner, { ...boundDefaults, ...settings }, () => room.clockMs),
    call: (origin, sending) => call(room.gate, origin, sending),
    change: (change) => listeners.forEach((listener) => listener(change as ConnectionChange)),
  };
  return room;
}

async function call(gate: Gate, origin: string, sending: Sending = {}): Promise<number | string> {
  const { method = 'POST', headers = {}, signal = new AbortController().signal } = sending;
  const act = method === 'GET' ? 'session.stream' : 'tool.call';
  const context = { tenant: sending.tenant ?? 't1' } as Use['context'];
  const request = { method: 'tools/call', bytes: 2 };
  const use: Use = {
    context,
    subject: 'ann',
    upstream: sending.name ?? 'docs',
    act,
    required: false,
    request,
  };
  let said: number | string = 'nothing';
  const work = async (lent: Lent): Promise<AuditOutcome> => {
    const body = method === 'POST' ? Buffer.from('{}') : undefined;
    const answer = await lent({ origin, path: '/', method, headers, body, signal });
    said = answer.status;
    if (!(answer.body instanceof Uint8Array)) for await (const chunk of answer.body) if (!chunk) break;
    return { out: 'success' };
  };
  try {
    await gate.use(use, work);
    return said;
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    return message.includes('resting') ? `resting: ${message}` : code;
  }
}

/** Five times: as often as makes it rest. */
async function five(room: Room, origin: string, sending?: Sending): Promise<unknown[]> {
  const said: unknown[] = [];
  for (let count = 0; count < 5; count += 1) said.push(await room.call(origin, sending));
  return said;
}

/** A server on a port of its own that can be ended, at once and with its connections, and started again. */
async function mortal(listener: RequestListener) {
  let server = createServer(listener);
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    async die() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
    async revive() {
      server = createServer(listener);
      await listen(port);
    },
  };
}

const ok: RequestListener = (_, response) =>
  void response.setHeader('content-type', 'application/json').end('{}');
const resting = (failures: number, seconds: number): string =>
  `resting: the upstream "docs" is resting after ${failures} failures: it is tried again in ${seconds} s`;

describe('an upstream that is gone', () => {
  it('is left alone after five failures, without an attempt, and is found again when it is back', async () => {
    const room = open();
    const server = await mortal(ok);
    expect(await room.call(server.origin)).toBe(200);
    await server.die();
    expect(await five(room, server.origin)).toEqual(Array(5).fill('upstream_unavailable'));
    expect(await room.call(server.origin)).toBe(resting(5, 1));
    expect([room.attempts.length, room.gate.resting()]).toEqual([6, 1]);
    room.clockMs = 1000;
    expect(await room.call(server.origin)).toBe('upstream_unavailable');
    expect(await room.call(server.origin)).toBe(resting(6, 2));
    await server.revive();
    room.clockMs = 2000;
    expect(await room.call(server.origin)).toBe(resting(6, 1));
    room.clockMs = 3000;
    expect(await room.call(server.origin)).toBe(200);
    expect(await room.call(server.origin)).toBe(200);
    expect(room.gate.resting()).toBe(0);
    await server.die();
  });

  it('is told apart from others: of other names, and of the same name in another group', async () => {
    const room = open();
    const server = await mortal(ok);
    await server.die();
    await five(room, server.origin);
    const { origin } = await upstream(ok);
    expect(await room.call(origin)).toBe(resting(5, 1));
    expect(await room.call(origin, { name: 'other' })).toBe(200);
    expect(await room.call(origin, { tenant: 't2' })).toBe(200);
  });

  it('is asked at once when it or its connection was changed', async () => {
    const room = open();
    const server = await mortal(ok);
    await server.die();
    const { origin } = await upstream(ok);
    for (const change of [() => room.gate.forgive('t1', 'docs'), () => room.change(docs)]) {
      await five(room, server.origin);
      expect(await room.call(origin)).toBe(resting(5, 1));
      change();
      expect(await room.call(origin)).toBe(200);
    }
  });

  it('is one that accepts and says nothing', async () => {
    const room = open({}, 60);
    const { origin } = await upstream(() => undefined);
    expect(await five(room, origin)).toEqual(Array(5).fill('upstream_timeout'));
    expect(await room.call(origin)).toBe(resting(5, 1));
  });

  it('is one that says nothing to a link, which gives up by itself', async () => {
    const room = open();
    const { origin } = await upstream(() => undefined);
    for (let count = 0; count < 5; count += 1) {
      const stop = new AbortController();
      setTimeout(() => stop.abort(new Silence('upstream_timeout', 'it did not answer in time')), 20);
      expect(await room.call(origin, { signal: stop.signal })).toBe('upstream_unavailable');
    }
    expect(await room.call(origin)).toBe(resting(5, 1));
  });

  it('is one that breaks off, and one whose proxy answers for it', async () => {
    for (const listener of [
      ((request) => void request.socket.destroy()) satisfies RequestListener,
      ((_, response) => void response.writeHead(502).end('<h1>Bad gateway</h1>')) satisfies RequestListener,
      ((_, response) =>
        void response
          .writeHead(503, { 'content-type': 'application/json' })
          .end('{"error":1}')) satisfies RequestListener,
    ]) {
      const room = open();
      const { origin } = await upstream(listener);
      await five(room, origin);
      expect(await room.call(origin)).toBe(resting(5, 1));
    }
  });

  it('lets one request through after its rest, however many come', async () => {
    const room = open();
    const server = await mortal(ok);
    await server.die();
    await five(room, server.origin);
    let asked = 0;
    const { origin } = await upstream((_, response) => {
      asked += 1;
      setTimeout(() => response.end(), 100);
    });
    room.clockMs = 1000;
    const said = await Promise.all(Array.from({ length: 50 }, () => room.call(origin)));
    expect([asked, said.filter((each) => each === 200).length]).toEqual([1, 1]);
  });
});

const docs = { tenant: 't1', upstream: 'docs' };

describe('one person cannot make an upstream rest for everybody', () => {
  it.each([
    ['a bad credential', 401],
    ['a credential for something else', 403],
    ['a request it cannot take', 400],
    ['too many requests', 429],
  ])('by %s', async (_, status) => {
    const room = open();
    const { origin } = await upstream((__, response) => void response.writeHead(status).end());
    expect(await five(room, origin)).toEqual(Array(5).fill(status));
    expect(await room.call(origin)).toBe(status);
  });

  it('by errors that the MCP server itself answers with a 500', async () => {
    const room = open();
    const { origin } = await upstream(
      (_, response) =>
        void response
          .writeHead(500, { 'content-type': 'application/json' })
          .end('{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"no"}}'),
    );
    await five(room, origin);
    expect(await room.call(origin)).toBe(500);
  });

  it('by a credential that no header can hold', async () => {
    const room = open();
    const { origin } = await upstream(ok);
    const headers = { authorization: 'Bearer a\r\nb' };
    expect(await five(room, origin, { headers })).toEqual(Array(5).fill('upstream_unavailable'));
    expect(await room.call(origin)).toBe(200);
  });

  it('by going away before the answer', async () => {
    const room = open();
    let hang = true;
    const { origin } = await upstream((_, response) => void (hang ? undefined : response.end()));
    for (let count = 0; count < 5; count += 1)
      expect(await room.call(origin, { signal: AbortSignal.timeout(20) })).toBe('upstream_unavailable');
    hang = false;
    expect(await room.call(origin)).toBe(200);
  });

  it('by calls that hang while others are answered', async () => {
    const room = open({}, 3000);
    const { origin } = await upstream((request, response) => {
      if (request.headers['x-way'] !== 'hang') response.end();
    });
    const hanging = Array.from({ length: 10 }, () => room.call(origin, { headers: { 'x-way': 'hang' } }));
    room.clockMs = 1;
    expect(await room.call(origin)).toBe(200);
    expect(await Promise.all(hanging)).toEqual(Array(10).fill('upstream_timeout'));
    expect(await room.call(origin)).toBe(200);
  });
});

describe('a slow upstream', () => {
  it('has so many calls under way and no more, whoever asks, and others are not held up', async () => {
    const room = open({ callsMax: 3 });
    const waiting: (() => void)[] = [];
    const { origin } = await upstream((_, response) => void waiting.push(() => response.end()));
    const { origin: quick } = await upstream(ok);
    const slow = Array.from({ length: 3 }, () => room.call(origin));
    await expect.poll(() => waiting.length).toBe(3);
    expect(await room.call(origin)).toBe('overloaded');
    expect(await room.call(quick, { name: 'other' })).toBe(200);
    expect(await room.call(quick, { tenant: 't2' })).toBe(200);
    expect(room.attempts.length).toBe(5);
    waiting.forEach((end) => end());
    expect(await Promise.all(slow)).toEqual([200, 200, 200]);
    const more = room.call(origin);
    await expect.poll(() => waiting.length).toBe(4);
    waiting[3]?.();
    expect(await more).toBe(200);
  });

  it('has streams counted apart, for as long as they are open', async () => {
    const room = open({ callsMax: 1, streamsMax: 2 });
    const ends: (() => void)[] = [];
    const { origin } = await upstream((request, response) => {
      if (request.method !== 'GET') return void response.end();
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      ends.push(() => response.end());
    });
    const streams = [room.call(origin, { method: 'GET' }), room.call(origin, { method: 'GET' })];
    await expect.poll(() => ends.length).toBe(2);
    expect(await room.call(origin, { method: 'GET' })).toBe('overloaded');
    expect(await room.call(origin)).toBe(200);
    ends.forEach((end) => end());
    expect(await Promise.all(streams)).toEqual([200, 200]);
  });
});
