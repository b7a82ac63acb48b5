import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json as readJson } from 'node:stream/consumers';
import { afterEach, expect, test } from 'vitest';
import { until } from '../../domain/fixtures/until.ts';
import { openStage, type Stage, type Talk } from './fixtures/stage.ts';
import { http } from './fixtures/upstreams.ts';

// Sessions that an upstream forgets while requests are on their way in them (MCP 2025-11-25, transports, session management).

interface Came {
  readonly method: string;
  readonly id: number | undefined;
  readonly session: string | undefined;
  readonly response: ServerResponse;
}

let stage: Stage;
let close: () => void;
afterEach(async () => {
  await stage.close();
  close();
});

/** Talk with an upstream without a stream of its own; `on` takes its handshakes and calls. */
async function talkWith(on: { handshake(came: Came): void; call(came: Came): void }): Promise<Talk> {
  const server = createServer((request, response) => {
    if (request.method !== 'POST') return void response.writeHead(405).end();
    const session = request.headers['mcp-session-id'] as string | undefined;
    void readJson(request).then((message) => {
      const came = { ...(message as { method: string; id: number | undefined }), session, response };
      if (came.method === 'initialize') on.handshake(came);
      else if (came.method === 'tools/call') on.call(came);
      else response.writeHead(came.id === undefined ? 202 : 404).end();
    });
  }).listen(0, '127.0.0.1');
  close = () => {
    server.closeAllConnections();
    server.close();
  };
  await once(server, 'listening');
  stage = openStage();
  return stage.talk(http(`http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`));
}

function reply(
  { response }: Came,
  message: object,
  status = 200,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify({ jsonrpc: '2.0', ...message }));
}

function introduce(came: Came, session: string): void {
  const introduced = { protocolVersion: '2025-11-25', capabilities: { tools: {} } };
  reply(came, { id: came.id, result: introduced }, 200, { 'mcp-session-id': session });
}

function answer(came: Came): void {
  const text = `in ${came.session}`;
  reply(came, { id: came.id, result: { content: [{ type: 'text', text }] } });
}

function forget(came: Came): void {
  reply(came, { id: null, error: { code: -32001, message: 'Session not found' } }, 404);
}

test('a request that hears of the loss while the session is being opened anew is sent once more', async () => {
  const anew: Came[] = [];
  const lost: Came[] = [];
  let known = 's1';
  const talk = await talkWith({
    handshake: (came) => (known === 's1' ? introduce(came, 's1') : anew.push(came)),
    call: (came) => (came.session === known ? answer(came) : lost.push(came)),
  });
  expect(await talk.text('any')).toBe('in s1');
  known = 's2';
  const calls = [talk.text('any'), talk.text('any')];
  await until(() => lost.length === 2);
  forget(lost[0]!);
  await until(() => anew.length === 1);
  forget(lost[1]!);
  await until(() => stage.lines.filter(({ code }) => code === 'upstream_unavailable').length === 2);
  introduce(anew[0]!, 's2');
  expect(await Promise.all(calls)).toEqual(['in s2', 'in s2']);
  expect(anew).toHaveLength(1);
});

test('a session that could not be opened anew is, with the next request', async () => {
  let known: string | undefined = 's1';
  const talk = await talkWith({
    handshake: (came) =>
      known === undefined ? void came.response.writeHead(503).end() : introduce(came, known),
    // What has no session is refused otherwise than what has a lost one (MCP 2025-11-25, transports).
    call(came) {
      if (came.session === undefined) came.response.writeHead(400).end();
      else if (came.session === known) answer(came);
      else forget(came);
    },
  });
  expect(await talk.text('any')).toBe('in s1');
  known = undefined;
  await expect(talk.text('any')).rejects.toMatchObject({ code: 'upstream_unavailable' });
  known = 's2';
  expect(await talk.text('any')).toBe('in s2');
});

test('an upstream that forgets every session at once is asked twice, and refused', async () => {
  let calls = 0;
  const talk = await talkWith({
    handshake: (came) => introduce(came, 's'),
    call(came) {
      calls += 1;
      forget(came);
    },
  });
  await expect(talk.text('any')).rejects.toMatchObject({ code: 'upstream_unavailable' });
  expect(calls).toBe(2);
});
