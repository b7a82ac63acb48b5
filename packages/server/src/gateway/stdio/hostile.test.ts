import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { until } from '../../domain/fixtures/until.ts';
import { tiny } from '../link/fixtures/upstreams.ts';
import { ask, connect, isAlive, openRoom, type Room } from './fixtures/parts.ts';

// Children and clients that do not keep to what is usual.

const credential = { in: 'env', name: 'KEY' } as const;
let room: Room;
afterEach(() => room.close());

const initialize = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 't', version: '1' } },
};

test('an initialize that is turned down leaves no session behind that holds its child', async () => {
  room = await openRoom([tiny('a'), tiny('b')], { childrenMax: 1 });
  for (let n = 0; n < 3; n += 1) {
    const response = await fetch(room.urlOf('a'), {
      method: 'POST',
      headers: { accept: 'text/plain', 'content-type': 'application/json' },
      body: JSON.stringify(initialize),
    });
    expect(response.status).toBe(406);
  }
  expect(await ask(await connect(room, 'b', { modern: true }), 'echo', { text: 'room' })).toBe('room');
  const opened = room.lines.filter(({ act }) => act === 'session.open').map(({ id }) => id);
  for (const id of opened)
    expect(room.lines.find(({ cause }) => cause === id)).toMatchObject({ out: 'failure' });
});

test('an answer of a child is never run as a page', async () => {
  room = await openRoom([tiny()]);
  const response = await fetch(room.urlOf('tiny'), {
    method: 'POST',
    headers: { accept: 'application/json, text/event-stream', 'content-type': 'application/json' },
    body: JSON.stringify(initialize),
  });
  await response.text();
  expect(response.headers.get('x-content-type-options')).toBe('nosniff');
});

describe('what a child starts', () => {
  test('ends with it when its credential is removed, also when it will not', async () => {
    room = await openRoom([tiny('tiny', { credential })]);
    room.setCredential('tiny', 'u1', { KEY: 'old' });
    const below = await ask(await connect(room, 'tiny'), 'fork');
    expect(isAlive(below)).toBe(true);
    room.setCredential('tiny', 'u1', undefined);
    await until(() => !isAlive(below));
  });

  test('ends too when its parent ended before: a probe of the command, a child that fell over', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'sealgate-strays-'));
    const strays = async (): Promise<string[]> =>
      (await readFile(join(folder, 'pids'), 'utf8')).trim().split('\n');
    room = await openRoom([tiny('tiny', { credential, env: { STRAY: join(folder, 'pids') } })]);
    room.setCredential('tiny', 'u1', { KEY: 'old' });
    const client = await connect(room, 'tiny', { modern: true });
    await ask(client, 'pid');
    const [ofProbe = '', ofChild = ''] = await strays();
    await until(() => !isAlive(ofProbe));
    expect(isAlive(ofChild)).toBe(true);
    await ask(client, 'die').catch(() => undefined);
    await until(() => !isAlive(ofChild));
    await rm(folder, { recursive: true });
  });

  test('ends with the gateway', async () => {
    room = await openRoom([tiny()]);
    const below = await ask(await connect(room, 'tiny'), 'fork');
    await room.stdio.close();
    expect(isAlive(below)).toBe(false);
  });
});

describe('a credential on the standard error of a child', () => {
  const base64 = (bytes: Buffer | string): { base64: string } => ({
    base64: Buffer.from(bytes as string).toString('base64'),
  });

  async function logOf(secret: string, pieces: readonly (Buffer | string)[]): Promise<string> {
    room = await openRoom([tiny('tiny', { credential })]);
    room.setCredential('tiny', 'u1', { KEY: secret });
    const client = await connect(room, 'tiny');
    for (const piece of pieces) {
      await ask(client, 'mutter', base64(piece));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await ask(client, 'whisper', { line: 'the end' });
    await until(() => room.logged.some((line) => line.includes('the end')));
    return room.logged.join('\n');
  }

  test('is not logged by halves when its line is longer than a line may be', async () => {
    const secret = 'firsthalfofthekey-secondhalfofthekey';
    const log = await logOf(secret, ['x'.repeat(16_500) + secret.slice(0, 17), `${secret.slice(17)} rest\n`]);
    expect(log).not.toContain('halfofthekey');
  });

  test('is not logged when a character of it comes in two pieces', async () => {
    const secret = 'schlüsselwort-fürs-protokoll';
    const bytes = Buffer.from(`${secret}\n`);
    const log = await logOf(secret, [bytes.subarray(0, 5), bytes.subarray(5)]);
    expect(log).toContain('*'.repeat(20));
    expect(log).not.toContain('wort-f');
  });

  test('is not logged line by line when it has many lines', async () => {
    const secret = `-----BEGIN KEY-----\n${'abcd'.repeat(16)}\n${'efgh'.repeat(16)}\n-----END KEY-----\n`;
    const log = await logOf(secret, [`my key is\n${secret}`]);
    expect(log).toContain('my key is');
    expect(log).not.toMatch(/abcdabcd|efghefgh/);
  });
});

test('a client that does not read what a child announces is cut off', async () => {
  room = await openRoom([tiny()]);
  const listening = await connect(room, 'tiny', { subject: 'u2' });
  const id = (listening.transport as { sessionId?: string }).sessionId!;
  await listening.transport!.close();
  const headers = { authorization: 'Bearer u2', 'mcp-session-id': id, accept: 'text/event-stream' };
  const [stream] = (await once(request(room.urlOf('tiny'), { headers, agent: false }).end(), 'response')) as [
    IncomingMessage,
  ];
  expect(stream.statusCode).toBe(200);
  const talker = await connect(room, 'tiny');
  const params = { pad: 'x'.repeat(1024 * 1024) };
  for (let n = 0; n < 60; n += 1)
    await ask(talker, 'announce', { method: 'notifications/tools/list_changed', params });
  let bytes = 0;
  stream.on('data', (chunk: Buffer) => (bytes += chunk.length));
  const ended = await Promise.race([
    once(stream, 'error').then(() => 'cut'),
    ask(talker, 'announce', { method: 'notifications/tools/list_changed', params: { last: true } }).then(
      () => new Promise((resolve) => setTimeout(resolve, 20_000, 'open')),
    ),
  ]);
  expect(ended).toBe('cut');
  expect(bytes).toBeLessThan(40 * 1024 * 1024);
});
