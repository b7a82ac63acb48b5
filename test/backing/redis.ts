import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../packages/vault/src/testing/free-port.ts';
import { findProgram } from '../programs.ts';
import type { Missing, Service } from './backing-server.ts';
import { startChild } from './child.ts';

/** Redis on a free port of loopback, keeping nothing. */
export async function startRedis(): Promise<Service | Missing> {
  const program = findProgram('redis-server');
  if (program === undefined)
    return { missing: 'redis-server is not installed (apt-get install redis-server)' };
  return startRedisOn(program, await freePort());
}

/** The same on a port that was chosen, for a test that kills it and starts another one there. */
export async function startRedisOn(
  program: string,
  port: number,
): Promise<Service & { kill(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'sealgate-redis-'));
  const args = ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const { pid, stop, kill } = await startChild(program, args, { cwd: folder, answers: () => pongs(port) });
  const after = (end: () => Promise<void>) => async (): Promise<void> => {
    await end();
    await rm(folder, { recursive: true, force: true });
  };
  return { endpoint: `redis://127.0.0.1:${port}`, pid, stop: after(stop), kill: after(kill) };
}

function pongs(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    socket.setTimeout(1000, () => socket.destroy());
    socket.once('data', (chunk) => {
      resolve(chunk.toString() === '+PONG\r\n');
      socket.destroy();
    });
    socket.once('error', () => resolve(false)).once('close', () => resolve(false));
  });
}
