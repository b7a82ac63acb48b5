import { createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { serverAt, type Server } from './server.ts';

// Connections that end at bad moments, byte by byte.

const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{"data":{}';
const whole = `${ok.replace('10', '11')}}`;
const ends: (() => unknown)[] = [];
afterEach(() => Promise.all(ends.splice(0).map((end) => end())));

/** A server that does with its n-th request on its m-th connection what the test says. */
async function scripted(
  act: (socket: Socket, request: number, connection: number) => void,
): Promise<{ server: Server; seen: string[] }> {
  let connections = 0;
  const seen: string[] = [];
  const listener = createServer((socket) => {
    const connection = ++connections;
    let requests = 0;
    ends.push(() => socket.destroy());
    socket.on('error', () => undefined);
    socket.on('data', () => {
      requests += 1;
      seen.push(`${connection}.${requests}`);
      act(socket, requests, connection);
    });
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address() as AddressInfo;
  const server = serverAt({ address: `http://127.0.0.1:${port}`, timeoutMs: 2000 });
  ends.push(
    () => listener.close(),
    () => server.close(),
  );
  return { server, seen };
}

const call = { method: 'GET', path: 'x' } as const;
const unreached = { code: 'key_unavailable', message: expect.stringMatching(/cannot be reached/) };

test('a kept connection that ends when it is used again is replaced, once', async () => {
  const { server, seen } = await scripted((socket, request) =>
    request === 1 ? socket.write(whole) : socket.destroy(),
  );
  expect(await server.ask(call)).toEqual({ status: 200, body: { data: {} } });
  expect(await server.ask(call)).toEqual({ status: 200, body: { data: {} } });
  expect(seen).toEqual(['1.1', '1.2', '2.1']);
});

test('a new connection that ends is not tried again', async () => {
  const { server, seen } = await scripted((socket) => socket.destroy());
  await expect(server.ask(call)).rejects.toMatchObject(unreached);
  expect(seen).toEqual(['1.1']);
});

test('half an answer is none, however it ends', async () => {
  const { server } = await scripted((socket, _, connection) => {
    socket.write(ok.replace('10', '500'));
    if (connection === 1) socket.end();
    else socket.resetAndDestroy();
  });
  await expect(server.ask(call)).rejects.toMatchObject(unreached);
  await expect(server.ask(call)).rejects.toMatchObject(unreached);
});

test('an answer that is no JSON object has no body', async () => {
  const bodies = ['', '[]', '5', 'null', '<html>', '{"a":'];
  const { server } = await scripted((socket) => {
    const body = bodies.shift() ?? '';
    socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
  });
  for (let left = bodies.length; left > 0; left -= 1)
    expect(await server.ask(call)).toEqual({ status: 200, body: undefined });
});

test('once closed it asks nobody', async () => {
  const { server, seen } = await scripted((socket) => void socket.write(whole));
  server.close();
  await expect(server.ask(call)).rejects.toMatchObject(unreached);
  expect(seen).toEqual([]);
});
