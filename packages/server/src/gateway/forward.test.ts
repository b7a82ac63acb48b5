import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AuditOutcome, Gate, Use } from '@sealgate/vault';
import { oneKeySealer } from '@sealgate/vault/testing';
import { afterEach, describe, expect, it } from 'vitest';
import type { Caller } from '../caller.ts';
import type { Reply } from '../domain/reply.ts';
import type { HttpUpstream } from '../domain/upstream.ts';
import { readCall, readSessionCall } from './call.ts';
import { carryDefaults, openCarry } from './carry.ts';
import { readFields } from './fields.ts';
import { openForward } from './forward.ts';
import type { Passage } from './passage.ts';
import { openSessionHandles } from './session-handle.ts';

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
});

const caller: Caller = {
  tenant: 't1',
  subject: 'ann',
  client: 'c',
  source: 'mcp',
  ip: '127.0.0.1',
  agent: undefined,
};
const key = 'k3y-of-the-upstream';

/** What a client saw. */
interface Seen {
  status: number;
  headers: Readonly<Record<string, string>>;
  text: string;
  end: 'open' | 'ended' | 'cut';
}

function collect(onWrite: (seen: Seen) => true | Promise<void> = () => true): {
  readonly seen: Seen;
  readonly reply: Reply;
} {
  const seen: Seen = { status: 0, headers: {}, text: '', end: 'open' };
  const reply: Reply = {
    begun: () => seen.status !== 0,
    send: (status, headers, body) =>
      void Object.assign(seen, { status, headers, text: Buffer.from(body).toString(), end: 'ended' }),
    head: (status, headers) => void Object.assign(seen, { status, headers }),
    write(chunk) {
      seen.text += Buffer.from(chunk).toString();
      return onWrite(seen);
    },
    end: () => void (seen.end = 'ended'),
    cut: () => void (seen.end = 'cut'),
  };
  return { seen, reply };
}

/** A gate of one credential and a log, over real connections. */
function gateOver(): {
  readonly gate: Pick<Gate, 'use'>;
  readonly log: { readonly use: Use; readonly outcome: AuditOutcome }[];
} {
  const open = openCarry(carryDefaults);
  closing.push(() => open.close());
  const log: { use: Use; outcome: AuditOutcome }[] = [];
  return {
    log,
    gate: {
      async use(use, work) {
        const lent = (outgoing: Parameters<typeof open.carry>[0]) =>
          open.carry({
            ...outgoing,
            headers: { ...outgoing.headers, ...(use.required ? { authorization: `Bearer ${key}` } : {}) },
          });
        log.push({ use, outcome: await work(lent) });
      },
    },
  };
}

async function stand(listener: RequestListener, credential?: HttpUpstream['credential']) {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => new Promise((resolve) => (server.close(resolve), server.closeAllConnections())));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp?team=1`;
  const upstream: HttpUpstream = { kind: 'http', name: 'shop', url, credential };
  const { gate, log } = gateOver();
  const forward = openForward({ gate, handles: openSessionHandles(oneKeySealer()) });
  /** @param body of a POST; `GET` and `DELETE` are sent as such */
  const pass = async (
    headers: readonly string[],
    body: string,
    more: Partial<Passage> = {},
  ): Promise<Seen> => {
    const { seen, reply } = collect();
    const fields = readFields(['Content-Type', 'application/json', ...headers]);
    const bare = body === 'GET' || body === 'DELETE';
    const bytes = bare ? undefined : Buffer.from(body);
    const call =
      bytes === undefined
        ? readSessionCall(fields, body === 'GET' ? 'stream' : 'close')
        : readCall(fields, bytes);
    const signal = new AbortController().signal;
    await forward({ caller, upstream, call, fields, body: bytes, correlation: 'r1', signal, reply, ...more });
    return seen;
  };
  return { pass, log, upstream };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

const answerJson = (response: ServerResponse, text: string, status = 200): void =>
  void response.writeHead(status, { 'content-type': 'application/json' }).end(text);
const ping = '{"jsonrpc":"2.0","id":1,"method":"ping"}';
const callEcho = '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","arguments":{}}}';
const ok = '{"jsonrpc":"2.0","id":1,"result":{}}';
const refusal = (code: string, message = ''): unknown =>
  expect.objectContaining({ code, message: expect.stringContaining(message) as unknown });

describe('a call through the gateway', () => {
  it('keeps the bytes of request and answer, and the path and query of the upstream', async () => {
    const odd =
      '{"jsonrpc":"2.0", "id":"\\u0031",\n "method":"ping","params":{"n":1.0,"big":12345678901234567890}}';
    const back = '{"result":{"n":1.0,"u":"\\u00e9"} ,"id":"1","jsonrpc":"2.0"}';
    const got: unknown[] = [];
    const { pass, log } = await stand(async (request, response) => {
      got.push(request.url, await textOf(request));
      answerJson(response, back);
    });
    const seen = await pass([], odd);
    expect(got).toEqual(['/mcp?team=1', odd]);
    expect(seen).toMatchObject({
      status: 200,
      text: back,
      end: 'ended',
      headers: { 'content-type': 'application/json' },
    });
    expect(log).toEqual([
      {
        use: {
          context: {
            tenant: 't1',
            actor: { type: 'person', id: 'ann' },
            source: 'mcp',
            correlation: 'r1',
            ip: '127.0.0.1',
          },
          subject: 'ann',
          upstream: 'shop',
          act: 'mcp.ping',
          required: false,
          request: { method: 'ping', bytes: odd.length },
        },
        outcome: { out: 'success', bytes: back.length },
      },
    ]);
  });

  it('takes nothing of the client along but what it names', async () => {
    let arrived: readonly string[] = [];
    const { pass } = await stand((request, response) => {
      arrived = request.rawHeaders;
      answerJson(response, ok);
    });
    const evil = [
      'Authorization',
      'Bearer client',
      'Cookie',
      'a=b',
      'X-Forwarded-For',
      '1.1.1.1',
      'Forwarded',
      'for=1',
      'X-Api-Key',
      'k',
      'Host',
      'evil',
    ];
    const named = [
      'Accept',
      'application/json',
      'MCP-Protocol-Version',
      '2025-11-25',
      'User-Agent',
      'spy',
      'Mcp-Param-A',
      '1',
      'Last-Event-Id',
      '4',
    ];
    await pass(
      [
        ...evil,
        ...named,
        'Transfer-Encoding',
        'chunked',
        'Expect',
        '100-continue',
        'Accept-Encoding',
        'gzip',
      ],
      ping,
    );
    const names = arrived.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase());
    expect(names.sort()).toEqual(
      [
        'accept',
        'accept-encoding',
        'connection',
        'content-length',
        'content-type',
        'host',
        'mcp-protocol-version',
        'user-agent',
      ].sort(),
    );
    expect(arrived.join('\n')).not.toMatch(/client|evil|spy|gzip|a=b|1\.1\.1\.1/);
  });

  it('brings nothing of the upstream back but what it names', async () => {
    const { pass } = await stand((_, response) => {
      response
        .setHeader('set-cookie', 'a=b')
        .setHeader('access-control-allow-origin', '*')
        .setHeader('www-authenticate', 'Basic');
      response
        .setHeader('x-powered-by', 'x')
        .setHeader('location', '/x')
        .setHeader('cache-control', 'no-store')
        .setHeader('retry-after', '7');
      answerJson(response, ok);
    });
    expect((await pass([], ping)).headers).toEqual({
      'cache-control': 'no-store',
      'content-type': 'application/json',
      'retry-after': '7',
      'x-content-type-options': 'nosniff',
    });
  });

  it('streams events as they come and reads the outcome from the last one', async () => {
    const event = (message: object): string =>
      `event: message\ndata: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`;
    const { pass, log } = await stand((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(event({ method: 'notifications/progress', params: { progress: 1 } }));
      response.end(event({ id: 1, result: { isError: true, content: [] } }) + ': keep-alive\n\n');
    });
    const seen = await pass([], callEcho);
    expect(seen.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'x-accel-buffering': 'no',
      'cache-control': 'no-cache',
    });
    expect(seen.text.match(/^data: /gm)).toHaveLength(2);
    expect(log[0]?.outcome).toEqual({ out: 'failure', code: 'tool_error', bytes: seen.text.length });
    expect(log[0]?.use.request).toEqual({
      method: 'tools/call',
      tool: 'echo',
      params: {},
      bytes: callEcho.length,
    });
  });

  it.each([
    [
      '{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}',
      200,
      { out: 'failure', code: '-32601' },
    ],
    ['{"jsonrpc":"2.0","id":1,"result":{"isError":true}}', 200, { out: 'failure', code: 'tool_error' }],
    ['{"jsonrpc":"2.0","id":1,"result":{"text":"\\"error\\"","isError":false}}', 200, { out: 'success' }],
    [
      '{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"no session"}}',
      404,
      { out: 'failure', code: '404' },
    ],
    [
      '{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"down"}}',
      500,
      { out: 'failure', code: '500' },
    ],
  ])('passes on what the upstream says and logs what it means: %s', async (text, status, outcome) => {
    const { pass, log } = await stand((_, response) => answerJson(response, text, status));
    expect(await pass([], callEcho)).toMatchObject({ status, text });
    expect(log[0]?.outcome).toEqual({ ...outcome, bytes: text.length });
  });

  it('tells the log the address of a resource as what it is, a parameter to be redacted', async () => {
    const { pass, log } = await stand((_, response) => answerJson(response, ok));
    await pass([], '{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"file:///private"}}');
    const { params, ...request } = log[0]!.use.request;
    expect(params).toEqual({ uri: 'file:///private' });
    expect(JSON.stringify({ ...log[0], use: { ...log[0]!.use, request } })).not.toContain('private');
  });
});

describe('an answer that is not for the client', () => {
  it.each([401, 403])(
    '%d is about our credential: a refusal that says where to set it, without the upstream’s words',
    async (status) => {
      const { pass, log } = await stand(
        (request, response) => {
          response.setHeader('www-authenticate', 'Bearer resource_metadata="http://evil"');
          answerJson(response, `{"you sent":"${request.headers.authorization ?? ''}"}`, status);
        },
        { in: 'header', name: 'authorization', scheme: 'bearer' },
      );
      await expect(pass([], ping)).rejects.toEqual(
        refusal('upstream_unauthorized', 'sealgate connections set shop'),
      );
      await expect(pass([], ping)).rejects.not.toEqual(refusal('upstream_unauthorized', key));
      expect(log[0]?.outcome).toEqual({ out: 'denied', code: 'upstream_unauthorized' });
    },
  );

  it.each([
    [302, 'text/html', 'redirect'],
    [502, 'text/html', 'status 502'],
    [503, 'application/json', 'status 503'],
    [200, 'text/html', 'not MCP'],
  ])('%d %s is a refusal: %s', async (status, type, message) => {
    const { pass } = await stand(
      (_, response) =>
        void response.writeHead(status, { 'content-type': type, location: '/x' }).end('<script>'),
    );
    await expect(pass([], ping)).rejects.toEqual(refusal('upstream_unavailable', message));
  });

  it('4xx in another type passes as plain text, never as a page', async () => {
    const { pass } = await stand(
      (_, response) => void response.writeHead(404, { 'content-type': 'text/html' }).end('<script>'),
    );
    expect(await pass([], ping)).toMatchObject({
      status: 404,
      headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' },
    });
  });

  it('a stream that is refused is ended at the upstream', async () => {
    let ended: Promise<unknown> | undefined;
    const { pass } = await stand((_, response) => {
      ended = new Promise((resolve) => response.once('close', resolve));
      response.writeHead(503, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
    });
    await expect(pass([], ping)).rejects.toEqual(refusal('upstream_unavailable'));
    await ended;
  });

  it('an answer that breaks off is cut, not ended', async () => {
    const { pass, log } = await stand((_, response) => {
      response
        .writeHead(200, { 'content-type': 'text/event-stream' })
        .write('data: 1\n\n', () => response.destroy());
    });
    expect((await pass([], ping)).end).toBe('cut');
    expect(log[0]?.outcome).toMatchObject({ out: 'failure', code: 'upstream_unavailable' });
  });
});

describe('a session of an older revision', () => {
  const initialize = '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}';
  const withSession = (): RequestListener => (request, response) => {
    if (request.headers['mcp-session-id'] === undefined) response.setHeader('mcp-session-id', 'upstream-s1');
    else response.setHeader('mcp-session-id', request.headers['mcp-session-id']);
    response.setHeader('x-seen', String(request.headers['last-event-id']));
    if (request.method === 'DELETE') return void response.writeHead(204).end();
    if (request.method === 'GET')
      return void response
        .writeHead(200, { 'content-type': 'text/event-stream' })
        .end(`data: ${request.headers['mcp-session-id']} ${request.headers['last-event-id']}\n\n`);
    answerJson(response, ok);
  };

  it('is known to the client by a handle of its own, which stays the same, on POST, GET and DELETE', async () => {
    const { pass } = await stand(withSession());
    const handle = (await pass([], initialize)).headers['mcp-session-id'] ?? '';
    expect(handle).not.toContain('upstream');
    const session = ['Mcp-Session-Id', handle];
    expect((await pass(session, ping)).headers['mcp-session-id']).toBe(handle);
    expect((await pass([...session, 'Last-Event-Id', 'e-4'], 'GET')).text).toBe('data: upstream-s1 e-4\n\n');
    expect((await pass(session, 'DELETE')).status).toBe(204);
  });

  it('is unknown to anybody else, and the upstream is not asked', async () => {
    let asked = 0;
    const { pass } = await stand((request, response) => {
      asked++;
      withSession()(request, response);
    });
    const handle = (await pass([], initialize)).headers['mcp-session-id'] ?? '';
    for (const method of [ping, 'GET', 'DELETE'] as const) {
      await expect(
        pass(['Mcp-Session-Id', handle], method, { caller: { ...caller, subject: 'bob' } }),
      ).rejects.toEqual(refusal('session_unknown'));
      await expect(pass(['Mcp-Session-Id', 'upstream-s1'], method)).rejects.toEqual(
        refusal('session_unknown'),
      );
    }
    expect(asked).toBe(1);
  });

  it('has no place in the stateless revision: neither id nor handle passes', async () => {
    let arrived: unknown;
    const { pass } = await stand((request, response) => {
      arrived = request.headers['mcp-session-id'];
      withSession()(request, response);
    });
    const meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: { _meta: meta } });
    const headers = [
      'MCP-Protocol-Version',
      '2026-07-28',
      'Mcp-Method',
      'tools/list',
      'Mcp-Session-Id',
      'anything',
    ];
    expect((await pass(headers, body)).headers).not.toHaveProperty('mcp-session-id');
    expect(arrived).toBeUndefined();
  });
});

describe('a client that goes away', () => {
  it('ends the upstream’s stream and is logged as aborted', async () => {
    let ended: Promise<unknown> | undefined;
    const { pass, log } = await stand((_, response) => {
      ended = new Promise((resolve) => response.once('close', resolve));
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
    });
    const gone = new AbortController();
    const { seen, reply } = collect(() => {
      gone.abort();
      return true;
    });
    await pass([], callEcho, { signal: gone.signal, reply });
    await ended;
    expect(seen.end).toBe('open');
    expect(log[0]?.outcome).toMatchObject({ out: 'aborted' });
  });

  it('while the attempt is written has nothing sent for it', async () => {
    let asked = 0;
    const { pass, log } = await stand((_, response) => {
      asked++;
      answerJson(response, ok);
    });
    await pass([], callEcho, { signal: AbortSignal.abort() });
    expect(asked).toBe(0);
    expect(log[0]?.outcome).toEqual({ out: 'aborted' });
  });

  it('and reads slowly holds the stream back', async () => {
    const order: string[] = [];
    const { pass } = await stand((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
      setTimeout(() => response.end('data: 2\n\n'), 20);
    });
    const { seen, reply } = collect(async () => {
      order.push('taken');
      await new Promise((resolve) => setTimeout(resolve, 60));
      order.push('ready');
    });
    await pass([], ping, { reply });
    expect(order).toEqual(['taken', 'ready', 'taken', 'ready']);
    expect(seen.end).toBe('ended');
  });
});
