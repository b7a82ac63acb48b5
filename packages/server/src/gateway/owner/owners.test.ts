import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sealedRecords, systemTenant, tableRecords, memoryTables, type Records } from '@sealgate/vault';
import { oneKeySealer } from '@sealgate/vault/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { refuse } from '../../errors.ts';
import { openLog } from '../../log.ts';
import { openOwners } from './open-owners.ts';
import type { Owners, Passage, Served } from './owners.ts';

// Two instances on one store, each behind a real server; the owner's half is what `http/instance-routes.ts` does.

const caller = {
  tenant: 'g1',
  subject: 'p1',
  client: 'c1',
  source: 'mcp',
  ip: '10.0.0.9',
  agent: undefined,
} as const;
const passage: Passage = {
  caller,
  address: { group: undefined, upstream: 'child' },
  correlation: '0198c000-0000-7000-8000-000000000000',
  body: { jsonrpc: '2.0', id: 1, method: 'tools/list' },
  bytes: 46,
};
const post = (signal?: AbortSignal): Request =>
  new Request('http://gateway/mcp/child', {
    method: 'POST',
    headers: { 'mcp-session-id': 's1', authorization: 'Bearer of-the-client', accept: 'text/event-stream' },
    ...(signal === undefined ? {} : { signal }),
  });

type Serve = (passage: Passage, request: Request) => Promise<Served>;
const say =
  (text: string): Serve =>
  async () => ({ response: new Response(text), done: () => undefined });

interface Instance {
  readonly owners: Owners;
  readonly server: Server;
  readonly url: string;
  readonly heard: { headers: IncomingMessage['headers']; body: Buffer }[];
  serve: Serve;
  end(): Promise<void>;
}

const sealer = oneKeySealer();
const log = openLog('error', { write: () => undefined });
const instances: Instance[] = [];
let tables = memoryTables({ now: () => nowMs });
let nowMs = 0;

beforeEach(() => {
  nowMs = 1_800_000_000_000;
  tables = memoryTables({ now: () => nowMs });
});

afterEach(async () => {
  await Promise.all(instances.splice(0).map((one) => one.end()));
});

function recordsHere(): Records {
  return sealedRecords(tableRecords(tables, { now: () => nowMs }), sealer, {
    kind: 'record',
    table: 'instances',
    tenant: systemTenant,
  });
}

async function open(
  given: { readonly sealer?: typeof sealer; readonly url?: string } = {},
): Promise<Instance> {
  const heard: Instance['heard'] = [];
  const server = createServer((request, response) => {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const read = async (): Promise<Uint8Array> => {
      const body = Buffer.concat(await request.toArray());
      heard.push({ headers: request.headers, body });
      return body;
    };
    const { authorization } = request.headers;
    instance.owners
      .answer({ authorization, read, signal: gone.signal }, (...on) => instance.serve(...on))
      .then(
        async ({ response: answer, done: end }) => {
          response.writeHead(answer.status, Object.fromEntries(answer.headers));
          response.flushHeaders();
          try {
            for await (const piece of answer.body ?? []) response.write(piece);
          } catch {
            response.destroy();
          }
          response.end();
          end();
        },
        (error: { readonly code: string }) => response.writeHead(404).end(error.code),
      );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = given.url ?? `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const owners = await openOwners({
    records: recordsHere(),
    sealer: given.sealer ?? sealer,
    advertiseUrl: url,
    answerMs: 30_000,
    now: () => nowMs,
    log,
  });
  const end = async (): Promise<void> => {
    server.closeAllConnections();
    if (server.listening) await new Promise((resolve) => server.close(resolve));
    await owners.close();
  };
  const instance: Instance = { owners, server, url, heard, serve: say('nothing'), end };
  instances.push(instance);
  return instance;
}

const textOf = async (answer: Response | 'dead'): Promise<string> =>
  answer === 'dead' ? 'dead' : `${answer.status} ${await answer.text()}`;
const codeOf = async (running: Promise<unknown>): Promise<string> =>
  running.then(
    () => 'passed',
    (error: { readonly code?: string; readonly name: string }) => error.code ?? error.name,
  );
/** Send what one instance heard to it again, changed or not. */
const replay = async (
  to: Instance,
  change: (init: { authorization: string; body: Buffer }) => object = (a) => a,
) => {
  const { headers, body } = to.heard[0] ?? { headers: {}, body: Buffer.alloc(0) };
  const sent = {
    authorization: headers.authorization ?? '',
    body,
    ...change({ authorization: headers.authorization ?? '', body }),
  };
  const answer = await fetch(to.url, {
    method: 'POST',
    headers: { authorization: sent.authorization },
    body: new Uint8Array(sent.body),
  });
  return `${answer.status} ${await answer.text()}`;
};

it('an owner answers what another instance passes to it, and knows who asked, what and where', async () => {
  const [a, b] = [await open(), await open()];
  let seen: readonly unknown[] = [];
  a.serve = async (given, request) => {
    seen = [given, request.method, Object.fromEntries(request.headers)];
    return say('from a')(given, request);
  };
  expect(await textOf(await b.owners.pass(a.owners.self, passage, post()))).toBe('200 from a');
  expect(seen).toEqual([passage, 'POST', { accept: 'text/event-stream', 'mcp-session-id': 's1' }]);
});

it("the client's own token is not passed on, and nothing of the ticket comes back to the client", async () => {
  const [a, b] = [await open(), await open()];
  const answer = (await b.owners.pass(a.owners.self, passage, post())) as Response;
  expect(a.heard[0]?.body.toString()).not.toContain('of-the-client');
  expect([...answer.headers.keys()].filter((name) => name.startsWith('sealgate'))).toEqual([]);
  await answer.text();
});

it('a stream comes piece by piece, and ends at the owner when the client goes away', async () => {
  const [a, b] = [await open(), await open()];
  const ended = Promise.withResolvers<void>();
  a.serve = async (_, request) => {
    request.signal.addEventListener('abort', () => ended.resolve());
    const body = new ReadableStream({ start: (to) => to.enqueue(Buffer.from('data: 1\n\n')) });
    const headers = { 'content-type': 'text/event-stream' };
    return { response: new Response(body, { headers }), done: () => undefined };
  };
  const client = new AbortController();
  const answer = (await b.owners.pass(a.owners.self, passage, post(client.signal))) as Response;
  const reader = answer.body?.getReader();
  expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('data: 1\n\n');
  expect(answer.headers.get('content-type')).toBe('text/event-stream');
  const reading = reader?.read().catch(() => undefined);
  client.abort();
  await ended.promise;
  await reading;
});

it('a client that goes away before the answer begins ends the call at the owner too', async () => {
  const [a, b] = [await open(), await open()];
  const [began, ended] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  a.serve = (_, request) => {
    began.resolve();
    request.signal.addEventListener('abort', () => ended.resolve());
    return new Promise(() => undefined);
  };
  const client = new AbortController();
  const passing = codeOf(b.owners.pass(a.owners.self, passage, post(client.signal)));
  await began.promise;
  client.abort();
  await ended.promise;
  expect(await passing).not.toBe('passed');
});

it('a refusal of the owner is the same refusal here', async () => {
  const [a, b] = [await open(), await open()];
  a.serve = () => Promise.reject(refuse('session_unknown', 'there is no such session'));
  await expect(b.owners.pass(a.owners.self, passage, post())).rejects.toMatchObject({
    code: 'session_unknown',
    message: 'there is no such session',
  });
});

it('a fault at the owner is a clear refusal, says nothing of it, and does not count as its death', async () => {
  const [a, b] = [await open(), await open()];
  a.serve = () => Promise.reject(new Error('secret of a'));
  const failed = b.owners.pass(a.owners.self, passage, post());
  await expect(failed).rejects.toMatchObject({ code: 'internal' });
  await expect(failed).rejects.not.toMatchObject({ message: expect.stringContaining('secret') });
  expect(await b.owners.alive(a.owners.self)).toBe(true);
});

it('an owner where nobody listens any more is dead, at once and from then on', async () => {
  const [a, b] = [await open(), await open()];
  a.server.closeAllConnections();
  await new Promise((resolve) => a.server.close(resolve));
  expect(await b.owners.pass(a.owners.self, passage, post())).toBe('dead');
  expect(await b.owners.alive(a.owners.self)).toBe(false);
});

it('an owner that is not renewed is dead after its lease, and one that closed is dead now', async () => {
  const [a, b] = [await open(), await open()];
  expect(await b.owners.alive(a.owners.self)).toBe(true);
  nowMs += 15_001;
  expect(await b.owners.alive(a.owners.self)).toBe(false);
  const c = await open();
  await c.owners.close();
  expect(await b.owners.alive(c.owners.self)).toBe(false);
  expect(await b.owners.alive(b.owners.self)).toBe(true);
});

it('an owner that breaks off before its answer begins is not called dead: it may have begun', async () => {
  const [a, b] = [await open(), await open()];
  a.serve = () => {
    a.server.closeAllConnections();
    return new Promise(() => undefined);
  };
  expect(await codeOf(b.owners.pass(a.owners.self, passage, post()))).toBe('instance_unavailable');
});

it("whoever else listens at a dead owner's address by now is not believed", async () => {
  const b = await open();
  const stranger = createServer((_, response) => response.end('{"result":"forged"}')).listen(0, '127.0.0.1');
  await once(stranger, 'listening');
  const url = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}`;
  const a = await open({ url });
  expect(await b.owners.pass(a.owners.self, passage, post())).toBe('dead');
  // A gateway that was started again at the same address is another instance.
  const again = await open();
  const before = await open({ url: again.url });
  expect(await b.owners.pass(before.owners.self, passage, post())).toBe('dead');
  await new Promise((resolve) => stranger.close(resolve));
});

it('a ticket is good once', async () => {
  const [a, b] = [await open(), await open()];
  let served = 0;
  a.serve = (...on) => {
    served += 1;
    return say('once')(...on);
  };
  expect(await textOf(await b.owners.pass(a.owners.self, passage, post()))).toBe('200 once');
  expect(await replay(a)).toBe('404 not_found');
  expect(served).toBe(1);
});

it("nothing is there for whoever has no ticket, another deployment's, or the token of a client", async () => {
  const [a, b] = [await open(), await open()];
  await textOf(await b.owners.pass(a.owners.self, passage, post()));
  const stranger = await open({ sealer: oneKeySealer(), url: 'http://127.0.0.1:1' });
  expect(await codeOf(stranger.owners.alive(a.owners.self))).toBe('passed');
  for (const authorization of [
    '',
    'Bearer sga_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
    'Sealgate-Instance ',
    'Sealgate-Instance e30.e30',
  ])
    expect(await replay(a, () => ({ authorization }))).toBe('404 not_found');
  const forged = a.heard[0]?.headers.authorization ?? '';
  expect(
    await replay(a, () => ({ authorization: `${forged.slice(0, -1)}${forged.endsWith('A') ? 'B' : 'A'}` })),
  ).toBe('404 not_found');
});

it('a ticket holds for one body: another caller, address or message makes it void', async () => {
  const changes = [
    ['"subject":"p1"', '"subject":"p2"'],
    ['"tenant":"g1"', '"tenant":"g2"'],
    ['/mcp/child', '/mcp/other'],
    ['tools/list', 'tools/call'],
    ['"s1"', '"s2"'],
  ] as const;
  for (const [old, other] of changes) {
    const [a, b] = [await open(), await open()];
    // The ticket leaves b and does not reach a: somebody on the way has it.
    const stolen = Promise.withResolvers<{ authorization: string; body: Buffer }>();
    const thief = createServer((request, response) => {
      void request.toArray().then((pieces) => {
        stolen.resolve({ authorization: request.headers.authorization ?? '', body: Buffer.concat(pieces) });
        response.destroy();
      });
    }).listen(0, '127.0.0.1');
    await once(thief, 'listening');
    const url = `http://127.0.0.1:${(thief.address() as AddressInfo).port}`;
    const lease = { id: a.owners.self, url, startedAtMs: nowMs };
    await recordsHere().put(`instance/${a.owners.self}`, Buffer.from(JSON.stringify(lease)), {
      endsAtMs: nowMs + 9_000,
    });
    await codeOf(b.owners.pass(a.owners.self, passage, post()));
    const { authorization, body } = await stolen.promise;
    const changed = Buffer.from(body.toString().replace(old, other));
    expect(changed.equals(body)).toBe(false);
    const answer = await fetch(a.url, {
      method: 'POST',
      headers: { authorization },
      body: new Uint8Array(changed),
    });
    expect(answer.status).toBe(404);
    await new Promise((resolve) => thief.close(resolve));
  }
});

it('a ticket for one instance opens no other', async () => {
  const [a, b, c] = [await open(), await open(), await open()];
  await textOf(await b.owners.pass(a.owners.self, passage, post()));
  const { headers, body } = a.heard[0] ?? { headers: {}, body: Buffer.alloc(0) };
  const answer = await fetch(c.url, {
    method: 'POST',
    headers: { authorization: headers.authorization ?? '' },
    body: new Uint8Array(body),
  });
  expect([answer.status, c.heard]).toEqual([404, []]);
});

it('a ticket of another minute is refused, and says that the clocks differ', async () => {
  const [a, b] = [await open(), await open()];
  let skew = 0;
  a.serve = say('served');
  const late = await openOwners({
    records: recordsHere(),
    sealer,
    advertiseUrl: undefined,
    answerMs: 30_000,
    now: () => nowMs + skew,
    log,
  });
  expect(await textOf(await late.pass(a.owners.self, passage, post()))).toBe('200 served');
  for (skew of [61_000, -61_000])
    await expect(late.pass(a.owners.self, passage, post())).rejects.toMatchObject({
      code: 'instance_unavailable',
      message: expect.stringContaining('clocks'),
    });
  await late.close();
  expect(await b.owners.alive(a.owners.self)).toBe(true);
});

it('what was passed is never passed on, whatever the two instances believe of each other', async () => {
  const [a, b] = [await open(), await open()];
  a.serve = async (given, request) => ({
    response: (await a.owners.pass(b.owners.self, given, request)) as Response,
    done: () => undefined,
  });
  b.serve = say('back at b');
  expect(await codeOf(b.owners.pass(a.owners.self, passage, post()))).toBe('instance_unavailable');
  expect(b.heard).toEqual([]);
});

it('an instance that nobody can reach takes no lease', async () => {
  const alone = await openOwners({
    records: recordsHere(),
    sealer,
    advertiseUrl: undefined,
    answerMs: 30_000,
    now: () => nowMs,
    log,
  });
  const b = await open();
  expect(await b.owners.alive(alone.self)).toBe(false);
  expect(await alone.alive(alone.self)).toBe(true);
  await alone.close();
});

it('an instance that leaves finishes what it answers, and owns nothing from then on', async () => {
  const [a, b] = [await open(), await open()];
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const { promise: asked, resolve: isAsked } = Promise.withResolvers<void>();
  a.serve = async (given, request) => {
    isAsked();
    await released;
    return say('finished')(given, request);
  };
  const underWay = b.owners.pass(a.owners.self, passage, post());
  await asked;
  await a.owners.leave();
  // Even for whoever has its address still in mind.
  expect(await b.owners.pass(a.owners.self, passage, post())).toBe('dead');
  expect(await b.owners.alive(a.owners.self)).toBe(false);
  release();
  expect(await textOf(await underWay)).toBe('200 finished');
});
