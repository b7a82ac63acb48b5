import type { Outgoing } from '@sealgate/vault';
import { afterEach, expect, it } from 'vitest';
import { carryDefaults, openCarry } from './carry.ts';
import { carrying, closeAll, upstream } from './fixtures/carrying.ts';

afterEach(closeAll);

const ask = (origin: string, more: Partial<Outgoing> = {}): Outgoing => ({
  origin,
  path: '/',
  method: 'POST',
  headers: {},
  body: Buffer.from('{}'),
  signal: new AbortController().signal,
  ...more,
});

const late = expect.objectContaining({ code: 'upstream_timeout' }) as unknown;

async function read(body: unknown): Promise<number> {
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Uint8Array>) bytes += chunk.byteLength;
  return bytes;
}

it('a call ends at its limit: without headers, within a small body, within a stream', async () => {
  const { origin } = await upstream((request, response) => {
    const way = request.headers['x-way'];
    if (way === 'body') response.writeHead(200, { 'content-type': 'application/json' }).write('{');
    if (way === 'events')
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
  });
  const carry = carrying({ callMs: 150 });
  await expect(carry(ask(origin))).rejects.toEqual(late);
  await expect(carry(ask(origin, { headers: { 'x-way': 'body' } }))).rejects.toEqual(late);
  const { body } = await carrying({ callMs: 3000 })(ask(origin, { headers: { 'x-way': 'events' } }));
  await expect(read(body)).rejects.toEqual(late);
});

it('a call whose sender has a clock of its own ends when the sender says so, and not before', async () => {
  const { origin } = await upstream((request, response) => {
    if (request.headers['x-way'] !== 'never') setTimeout(() => response.end('at last'), 400);
  });
  const carry = carrying({ callMs: 150 });
  const { body } = await carry(ask(origin, { untimed: true }));
  expect(Buffer.from(body as Uint8Array).toString()).toBe('at last');
  const stop = new AbortController();
  const never = carry(ask(origin, { untimed: true, headers: { 'x-way': 'never' }, signal: stop.signal }));
  setTimeout(() => stop.abort(), 300);
  await expect(never).rejects.toMatchObject({ code: 'upstream_unavailable' });
});

it('a stream that stays open has a limit to its headers and none after', async () => {
  const { origin } = await upstream((request, response) => {
    if (request.headers['x-way'] === 'never') return;
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    setTimeout(() => response.end('data: 1\n\n'), 4000);
  });
  const carry = carrying({ callMs: 3000 });
  const listen = { 'mcp-method': 'subscriptions/listen' };
  const asked = [ask(origin, { method: 'GET', body: undefined }), ask(origin, { headers: listen })];
  expect(await Promise.all(asked.map(async (one) => read((await carry(one)).body)))).toEqual([9, 9]);
  await expect(carry(ask(origin, { headers: { ...listen, 'x-way': 'never' } }))).rejects.toEqual(late);
});

it('streams that stay open do not take the connections of calls', async () => {
  const { origin } = await upstream((request, response) => {
    if (request.method === 'GET')
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    else response.end('done');
  });
  const carry = carrying({ callConnectionsMax: 1, streamConnectionsMax: 20 });
  await Promise.all(Array.from({ length: 20 }, () => carry(ask(origin, { method: 'GET', body: undefined }))));
  expect((await carry(ask(origin))).status).toBe(200);
});

it('an upstream is held back while the reader is slow, and memory with it', async () => {
  const chunk = Buffer.alloc(64 * 1024, 'x');
  const total = 200;
  let written = 0;
  const { origin } = await upstream((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const write = (): void => {
      while (written < total) {
        written++;
        if (!response.write(chunk)) return void response.once('drain', write);
      }
      response.end();
    };
    write();
  });
  const { body } = await carrying({ waitingBytesMax: 128 * 1024 })(ask(origin));
  // Wait until nothing more gets through: what is under way then lies in socket buffers and in the queue.
  for (let before = -1; before !== written;) {
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  expect(written).toBeLessThan(total);
  expect(await read(body)).toBe(total * chunk.byteLength);
});

it('connections that nobody uses are closed', async () => {
  const { origin, server } = await upstream((_, response) => void response.end());
  const gone = new Promise<void>((resolve) =>
    server.on('connection', (socket) => socket.on('close', resolve)),
  );
  await carrying({ idleMs: 50 })(ask(origin));
  await gone;
});

it('closing ends what is under way', async () => {
  const { origin } = await upstream(() => open.close());
  const open = openCarry(carryDefaults);
  await expect(open.carry(ask(origin))).rejects.toEqual(
    expect.objectContaining({ code: 'upstream_unavailable' }),
  );
});

it('an answer that was cut into single bytes is not read byte by byte, and two events stay two pieces', async () => {
  const { origin } = await upstream((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    response.socket?.end(`${'1\r\nx\r\n'.repeat(50_000)}0\r\n\r\n`);
  });
  const { body } = await carrying()(ask(origin));
  const pieces: number[] = [];
  for await (const piece of body as AsyncIterable<Uint8Array>) pieces.push(piece.byteLength);
  expect(pieces.reduce((sum, bytes) => sum + bytes, 0)).toBe(50_000);
  expect(pieces.length).toBeLessThan(2000);
  const apart = await upstream((_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
    response.socket?.end('6\r\nfirst \r\n6\r\nsecond\r\n0\r\n\r\n');
  });
  const events: string[] = [];
  const answered = await carrying()(ask(apart.origin));
  for await (const piece of answered.body as AsyncIterable<Uint8Array>)
    events.push(Buffer.from(piece).toString());
  expect(events).toEqual(['first ', 'second']);
});
