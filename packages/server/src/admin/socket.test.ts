import { once } from 'node:events';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { AdminAnswer } from '../domain/admin-answers.ts';
import { adminSocketPath } from '../domain/admin-socket.ts';
import { refuse } from '../errors.ts';
import type { Log } from '../log.ts';
import { openAdminSocket } from './socket.ts';

let folder: string;
let path: string;
let socket: { close(): Promise<void> };
const logged: unknown[] = [];
const log = Object.fromEntries(
  ['debug', 'info', 'warn', 'error'].map((level) => [level, (...said: unknown[]) => logged.push(said)]),
) as unknown as Log;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealgate-socket-'));
  path = adminSocketPath(folder, process.cwd());
  await writeFile(path, 'left over');
  const call = async (name: string, input: unknown): Promise<unknown> => {
    if (name === 'refuse') throw refuse('usage', 'no', 'detail for the log');
    if (name === 'break') throw new Error('internals');
    if (name === 'slow') await new Promise((resolve) => setTimeout(resolve, 300));
    return { name, input };
  };
  socket = await openAdminSocket({ path, operations: { call }, log });
});
afterEach(async () => {
  await socket.close();
  await rm(folder, { recursive: true });
});

function ask(target: string, body: string, method = 'POST'): Promise<AdminAnswer> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: path, path: target, method }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () => resolve(JSON.parse(text) as AdminAnswer));
    });
    asked.once('error', reject).end(body);
  });
}

test('operations are called by their name, over a socket for its owner alone', async () => {
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await ask('/upstreams.list', '{"a":1}')).toEqual({
    ok: true,
    result: { name: 'upstreams.list', input: { a: 1 } },
  });
});

test('refusals and faults are told without their detail', async () => {
  expect(await ask('/refuse', '{}')).toEqual({ ok: false, error: { code: 'usage', message: 'no' } });
  expect(await ask('/break', '{}')).toMatchObject({
    ok: false,
    error: { code: 'internal', message: expect.not.stringContaining('internals') as string },
  });
});

test('anything but a POST of JSON is refused', async () => {
  expect(await ask('/x', '', 'GET')).toMatchObject({ error: { code: 'method_not_allowed' } });
  expect(await ask('/x', '{')).toMatchObject({ error: { code: 'body_invalid' } });
  expect(await ask('/x', JSON.stringify('x'.repeat(1024 * 1024)))).toMatchObject({
    error: { code: 'body_too_large' },
  });
  expect(JSON.stringify(logged)).not.toContain('xxx');
});

test('a data directory with a long name is reached from the working directory, or refused', () => {
  const long = `/data/${'x'.repeat(120)}`;
  expect(adminSocketPath(long, long)).toBe('sealgate.sock');
  expect(() => adminSocketPath(long, '/elsewhere')).toThrow(/too long/);
});

test('an address that is none is refused and no fault', async () => {
  expect(await ask('/%', '{}')).toMatchObject({ ok: true, result: { name: '%' } });
  expect(JSON.stringify(logged)).not.toContain('URIError');
});

test('closing waits for an operation under way, and not for requests that are begun and never sent', async () => {
  const silent = connect(path).on('error', () => undefined);
  const half = connect(path).on('error', () => undefined);
  half.write('POST /x HTTP/1.1\r\nHost: ');
  await Promise.all([once(silent, 'connect'), once(half, 'connect')]);
  const slow = ask('/slow', '{}');
  await ask('/x', '{}');
  await socket.close();
  expect(await slow).toMatchObject({ ok: true, result: { name: 'slow' } });
  expect(half.destroyed || (await once(half, 'close'))).toBeTruthy();
  silent.destroy();
});
