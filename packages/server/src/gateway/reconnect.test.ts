import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import type { Outgoing } from '@sealgate/vault';
import { afterEach, expect, it } from 'vitest';
import { until } from '../domain/fixtures/until.ts';
import { carrying, closeAll } from './fixtures/carrying.ts';

// Connections that the upstream closes, before and while a call is sent on them.

const closing: (() => unknown)[] = [];
afterEach(async () => {
  await closeAll();
  for (const close of closing.splice(0)) await close();
});

const call = (origin: string): Outgoing => ({
  origin,
  path: '/',
  method: 'POST',
  headers: { 'mcp-method': 'tools/call' },
  body: Buffer.from('{"n":1}'),
  signal: new AbortController().signal,
});

const unavailable = expect.objectContaining({ code: 'upstream_unavailable' }) as unknown;

it('a call after the upstream was restarted takes a new connection, and is carried out once', async () => {
  let calls = 0;
  const start = async (port: number) => {
    const server = createHttpServer((_, response) => {
      calls += 1;
      response.end();
    });
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    return server;
  };
  const end = async (server: Awaited<ReturnType<typeof start>>): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  const first = await start(0);
  const { port } = first.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;
  const carry = carrying();
  await Promise.all(Array.from({ length: 4 }, () => carry(call(origin))));
  await end(first);
  // Both sides are this process: the client's side has to hear of it, as it has long before in life.
  await new Promise((resolve) => setTimeout(resolve, 50));
  for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
  const second = await start(port);
  closing.push(() => end(second));
  const answers = await Promise.all(Array.from({ length: 4 }, () => carry(call(origin))));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  expect(calls).toBe(8);
});

/** An upstream in bare TCP: `onRequest` is told of each request, by its number on its connection, before anything is answered. */
async function bare(onRequest: (socket: Socket, nth: number) => void): Promise<string> {
  const server = createServer((socket) => {
    let nth = 0;
    let text = '';
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (!text.endsWith('{"n":1}')) return;
      text = '';
      onRequest(socket, (nth += 1));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => new Promise((resolve) => server.close(resolve)));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const answer = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-type: application/json\r\n\r\n{}';

it.each(['end', 'destroy', 'resetAndDestroy'] as const)(
  'a call on a connection that is closed as it arrives (%s) is refused, and never sent again by itself',
  async (way) => {
    let seen = 0;
    const origin = await bare((socket, nth) => {
      seen += 1;
      if (nth === 1) socket.write(answer);
      else socket[way]();
    });
    const carry = carrying();
    expect((await carry(call(origin))).status).toBe(200);
    await new Promise(setImmediate);
    await expect(carry(call(origin))).rejects.toEqual(unavailable);
    expect(seen).toBe(2);
    // The one after it has a connection of its own.
    expect((await carry(call(origin))).status).toBe(200);
    expect(seen).toBe(3);
  },
);

it('a connection that the upstream has closed meanwhile is not used any more', async () => {
  let [seen, closed] = [0, 0];
  const origin = await bare((socket) => {
    seen += 1;
    socket.once('close', () => (closed += 1)).end(answer);
  });
  const carry = carrying();
  for (let count = 1; count <= 5; count += 1) {
    expect((await carry(call(origin))).status).toBe(200);
    expect(seen).toBe(count);
    // The client has heard of it when it has closed its own side.
    await until(() => closed === count);
  }
});
