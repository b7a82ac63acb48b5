import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { Exchange } from './exchange.ts';
import { httpDefaults, openHttp, type HttpServer } from './server.ts';

// Clients that ask and do not read.

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function start(handle: (exchange: Exchange<string>) => Promise<void>, unreadMs: number) {
  const server = await openHttp<string>(
    { ...httpDefaults, host: '127.0.0.1', port: 0, frontendUrl: undefined, unreadMs },
    {
      mcp: {
        admit: async () => ({ admitted: 'ann', headers: {} }),
        handle,
        challenge: () => 'Bearer',
      },
      health: async () => ({ well: true, facts: {} }),
      onFault: () => undefined,
      now: Date.now,
    },
  );
  closing.push(() => server.drain(0));
  return server;
}

/** A client that asks and reads nothing until it is told to. */
function deafClient(server: HttpServer): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect(server.port, '127.0.0.1', () => {
      socket.pause();
      socket.write(
        `POST /mcp/docs HTTP/1.1\r\nhost: 127.0.0.1:${server.port}\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}`,
      );
      resolve(socket);
    });
    socket.on('error', () => undefined);
    closing.push(() => socket.destroy());
  });
}

/** More than the sockets' own buffers take. */
const large = Buffer.alloc(16 * 1024 * 1024, 'x');

describe('a client that does not read its answer', () => {
  it('loses it, and its place among the calls, whether it came in one piece or in many', async () => {
    let handled = 0;
    const server = await start(async ({ reply }) => {
      handled += 1;
      if (handled === 1) return reply.send(200, {}, large);
      reply.head(200, {});
      while (reply.begun() && handled < 3) {
        const taken = reply.write(large.subarray(0, 65_536));
        if (taken !== true) {
          await taken;
          handled += 1;
        }
      }
      reply.end();
    }, 100);
    await deafClient(server);
    await expect.poll(() => handled).toBe(1);
    await expect.poll(() => server.running()).toBe(0);
    await deafClient(server);
    await expect.poll(() => handled).toBe(3);
    await expect.poll(() => server.running()).toBe(0);
  });

  it('keeps its place while it has time, and gets everything when it reads after all', async () => {
    const server = await start(async ({ reply }) => reply.send(200, {}, large), 60_000);
    const client = await deafClient(server);
    await expect.poll(() => server.running()).toBe(1);
    await sleep(300);
    expect(server.running()).toBe(1);
    let bytes = 0;
    client.on('data', (chunk: Buffer) => (bytes += chunk.byteLength)).resume();
    await expect.poll(() => bytes).toBeGreaterThan(large.byteLength);
    await expect.poll(() => server.running()).toBe(0);
    expect(client.destroyed).toBe(false);
  });

  it('is not cut off while its answer is not there yet', async () => {
    const server = await start(async ({ reply }) => {
      reply.head(200, {});
      void reply.write(Buffer.from('first '));
      await sleep(400);
      void reply.write(Buffer.from('last'));
      reply.end();
    }, 50);
    const client = await deafClient(server);
    let text = '';
    client.on('data', (chunk: Buffer) => (text += chunk.toString())).resume();
    await expect.poll(() => text).toContain('last');
  });
});
