import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { until } from '../../domain/fixtures/until.ts';
import { openStage, type Stage } from './fixtures/stage.ts';
import { http } from './fixtures/upstreams.ts';

// A hostile upstream over HTTP. Whatever it answers, the gateway sends it a bounded number of requests, each of which is
// an entry in the journal, and its answers reach nobody who did not ask.

type Message = Readonly<Record<string, unknown>> & { readonly id?: number; readonly method?: string };
type Answer = (message: Message | undefined, response: ServerResponse, request: IncomingMessage) => void;

let stage: Stage | undefined;
let server: Server | undefined;
afterEach(async () => {
  server?.closeAllConnections();
  server?.close();
  await stage?.close();
});

const json = (response: ServerResponse, body: unknown, headers = {}): void =>
  void response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
const events = (response: ServerResponse): ServerResponse =>
  response.writeHead(200, { 'content-type': 'text/event-stream' });
const say = (message: object): string => `data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`;
const result = (id: unknown, of: unknown): object => ({ jsonrpc: '2.0', id, result: of });

const introduced = {
  protocolVersion: '2025-11-25',
  capabilities: { tools: {}, resources: { subscribe: true } },
  serverInfo: { name: 'hostile', version: '1' },
};

/** A server of the older era; `answer` takes what is neither its handshake nor its end. */
async function hostile(answer: Answer, handshake: unknown = introduced) {
  const seen: { verb: string; message: Message | undefined }[] = [];
  server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      const message = text === '' ? undefined : (JSON.parse(text) as Message);
      if (message?.method === 'server/discover') return response.writeHead(404).end();
      if (message?.method === 'initialize')
        return json(response, result(message.id, handshake), { 'mcp-session-id': 's' });
      if (message?.method === 'notifications/initialized') return response.writeHead(202).end();
      if (request.method === 'DELETE') return response.writeHead(200).end();
      seen.push({ verb: request.method!, message });
      answer(message, response, request);
    });
  });
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  const upstream = http(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`);
  stage = openStage({ callSeconds: 20 });
  return { seen, upstream, stage, count: (verb: string) => seen.filter((one) => one.verb === verb).length };
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('an upstream', () => {
  test('that knows its session and no stream of it is not asked for one without end', async () => {
    const { upstream, count } = await hostile((message, response) => {
      if (message === undefined) return void response.writeHead(404).end();
      json(response, result(message.id, { content: [{ type: 'text', text: 'ok' }] }));
    });
    const talk = stage!.talk(upstream);
    for (let calls = 0; calls < 30; calls += 1) expect(await talk.text('any')).toBe('ok');
    await pause(300);
    expect(count('GET')).toBeLessThanOrEqual(3);
  });

  test('that breaks off and says "at once" each time is asked ever less often', async () => {
    let id = 0;
    const { upstream, count } = await hostile((message, response) => {
      if (message?.method === 'tools/call' || message === undefined)
        return void events(response).end(`id: ${(id += 1)}\nretry: 0\ndata: \n\n`);
      response.writeHead(202).end();
    });
    const stop = new AbortController();
    const talk = stage!.talk(upstream);
    const calling = talk.request('tools/call', { name: 'any' }, { signal: stop.signal });
    calling.catch(() => undefined);
    await pause(2000);
    expect(count('GET')).toBeLessThan(20);
    stop.abort();
    await calling.catch(() => undefined);
  });

  test('that asks and asks is answered a few times at once, and not more', async () => {
    const flood = Array.from({ length: 3000 }, (_, at) =>
      say({ id: `q${at}`, method: at % 2 === 0 ? 'ping' : 'sampling/createMessage', params: {} }),
    ).join('');
    const held: ServerResponse[] = [];
    const { upstream, seen } = await hostile((message, response) => {
      if (message?.method === 'tools/call')
        return void events(response).end(flood + say({ id: message.id, result: { content: [] } }));
      if (message === undefined) return void response.writeHead(405).end();
      held.push(response);
    });
    await stage!.talk(upstream).request('tools/call', { name: 'any' });
    await pause(500);
    const answers = seen.filter(({ message }) => message !== undefined && !('method' in message)).length;
    expect(answers).toBeLessThanOrEqual(64);
  });

  test('that answers for others, twice, or with an id of another kind is heard once, by who asked', async () => {
    const { upstream } = await hostile((message, response) => {
      if (message === undefined) return void response.writeHead(405).end();
      if (message.method !== 'tools/call') return void response.writeHead(202).end();
      const { id = 0 } = message;
      const of = (text: string) => ({ content: [{ type: 'text', text }] });
      events(response).end(
        [
          say({ id: id + 1, result: of('for another') }),
          say({ id: null, result: of('for nobody') }),
          say({ id: '__proto__', result: of('for a prototype') }),
          'data: null\n\ndata: [null, 1, "x"]\n\ndata: {"jsonrpc":"2.0"}\n\ndata: {broken\n\n',
          say({ id, result: of('first') }),
          say({ id, result: of('second') }),
        ].join(''),
      );
    });
    const [ann, bob] = [stage!.talk(upstream), stage!.talk(upstream, { subject: 'bob' })];
    for (let calls = 0; calls < 5; calls += 1)
      expect(await Promise.all([ann.text('any'), bob.text('any')])).toEqual(['first', 'first']);
  });

  test.each([
    ['nothing', null],
    ['a text', 'x'],
    ['capabilities that are none', { ...introduced, capabilities: null }],
    ['capabilities in a row', { ...introduced, capabilities: ['tools'] }],
    ['no name', { ...introduced, serverInfo: null }],
    ['a revision that is none', { ...introduced, protocolVersion: { toString: 'x' } }],
    ['a prototype', JSON.parse(`{"__proto__":{"tools":{}},"protocolVersion":"2025-11-25"}`)],
  ])('that introduces itself as %s fails by itself', async (_, handshake) => {
    const { upstream } = await hostile((__, response) => void response.writeHead(405).end(), handshake);
    const { target } = stage!.talk(upstream);
    const context = { tenant: 'g1', actor: { type: 'person', id: 'ann' }, source: 'mcp', correlation: 'c' };
    const said = await target.introduce(context as never).then(
      () => 'introduced',
      (error: { code?: string }) => error.code,
    );
    expect(['introduced', 'upstream_unavailable']).toContain(said);
  });

  test('that tells of what nobody watches, or under the names of others, is not passed on', async () => {
    const uri = 'secret://of-another';
    const { upstream } = await hostile((message, response) => {
      if (message?.method === 'resources/subscribe') return json(response, result(message.id, {}));
      if (message?.method === 'tools/call')
        return void events(response).end(
          say({ method: 'notifications/resources/updated', params: { uri } }) +
            say({ method: 'notifications/resources/updated', params: { uri: { length: 1 } } }) +
            say({ method: 'notifications/progress', params: { progressToken: 999, progress: 1 } }) +
            say({ method: 'notifications/tools/list_changed' }) +
            say({ id: message.id, result: { content: [] } }),
        );
      response.writeHead(405).end();
    });
    const talk = stage!.talk(upstream);
    await talk.request('resources/subscribe', { uri: 'mine://1' });
    await talk.request('tools/call', { name: 'any' });
    await until(() => talk.heard.length > 0);
    expect(talk.heard.map(({ method }) => method)).toEqual(['notifications/tools/list_changed']);
  });

  test('that nests its answer deeper than anybody reads harms that answer alone', async () => {
    let deep = true;
    const { upstream } = await hostile((message, response) => {
      if (message?.method !== 'tools/call') return void response.writeHead(405).end();
      const nested = deep ? `${'['.repeat(200_000)}${']'.repeat(200_000)}` : '"flat"';
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(
        `{"jsonrpc":"2.0","id":${message.id},"result":{"content":[{"type":"text","text":${nested}}]}}`,
      );
    });
    const talk = stage!.talk(upstream);
    await talk.request('tools/call', { name: 'any' }).catch(() => undefined);
    deep = false;
    expect(await talk.text('any')).toBe('flat');
  });
});
