import { mkdtemp, rm } from 'node:fs/promises';
import { request, type IncomingMessage } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { adminSocketPath } from '../domain/admin-socket.ts';
import { refuse } from '../errors.ts';
import { openLog } from '../log.ts';
import { openAdminSocket } from './socket.ts';

const piece = 'x'.repeat(100_000);
let folder: string;
let path: string;
let socket: { close(): Promise<void> };
let given = 0;
let ended: string | undefined;

async function* pieces(name: string): AsyncGenerator<unknown> {
  try {
    for (given = 0; name === 'endless' || name === 'idle' || given < 3; given += 1) {
      if (name === 'refused' && given === 2) throw refuse('not_found', 'no more of them');
      if (name === 'broken' && given === 2) throw new Error('internals');
      if (name === 'idle') await new Promise((resolve) => setTimeout(resolve, 5));
      yield name === 'endless' ? piece : [given];
    }
    ended = 'all';
  } finally {
    ended ??= 'left';
  }
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealgate-pieces-'));
  path = adminSocketPath(folder, process.cwd());
  ended = undefined;
  const log = openLog('error', { write: () => undefined });
  socket = await openAdminSocket({ path, operations: { call: async (name) => pieces(name) }, log });
});
afterEach(async () => {
  await socket.close();
  await rm(folder, { recursive: true });
});

const ask = (name: string): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    request({ socketPath: path, path: `/${name}`, method: 'POST' }, resolve)
      .once('error', reject)
      .end('{}');
  });
const linesOf = async (name: string): Promise<unknown[]> =>
  (await text(await ask(name)))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);

test('pieces come a line each, and a last line says that it was all', async () => {
  expect(await linesOf('few')).toEqual([{ piece: [0] }, { piece: [1] }, { piece: [2] }, { ok: true }]);
  expect(ended).toBe('all');
});

test('what goes wrong in the middle is the last line, without its detail', async () => {
  expect((await linesOf('refused')).at(-1)).toEqual({
    ok: false,
    error: { code: 'not_found', message: 'no more of them' },
  });
  const last = (await linesOf('broken')).at(-1);
  expect(last).toMatchObject({ ok: false, error: { code: 'internal' } });
  expect(JSON.stringify(last)).not.toContain('internals');
});

test('who does not read is not read for, and who has gone ends it', async () => {
  const response = await ask('endless');
  let before = -1;
  await expect
    .poll(() => {
      const still = given === before;
      before = given;
      return still;
    })
    .toBe(true);
  expect(given).toBeLessThan(500);
  response.destroy();
  await expect.poll(() => ended).toBe('left');
});

test('a gateway that stops cuts off what would not end, and says so', async () => {
  const response = await ask('idle');
  const said = text(response);
  await socket.close();
  const last: unknown = JSON.parse((await said).trimEnd().split('\n').at(-1) ?? '');
  expect(last).toMatchObject({ ok: false, error: { code: 'gateway_unreachable' } });
  expect(ended).toBe('left');
});
