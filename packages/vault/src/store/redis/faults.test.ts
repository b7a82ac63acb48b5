import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bytesOf } from '../contract/records-case.ts';
import type { Records } from '../records.ts';
import { missingServer, ownServer, type OwnServer } from './fixtures/own-server.ts';
import { redisRecords } from './records.ts';
import { openRedis, type RedisServer } from './server.ts';

const hourMs = 3_600_000;
const unavailable = (message: RegExp) =>
  expect.objectContaining({ code: 'store_unavailable', message: expect.stringMatching(message) });

/** The first answer that is none of these refusals. */
async function answered<V>(ask: () => Promise<V>): Promise<V> {
  for (let waitedMs = 0; ; waitedMs += 50) {
    try {
      return await ask();
    } catch (error) {
      if (waitedMs > 20_000) throw error;
      await sleep(50);
    }
  }
}

describe.skipIf(missingServer() !== undefined)('records when Redis fails', () => {
  let server: OwnServer;
  let redis: RedisServer;
  let records: Records;
  const put = (name: string, text = 'x') =>
    records.put(name, bytesOf(text), { endsAtMs: Date.now() + hourMs, owners: ['u'] });

  beforeEach(async () => {
    server = await ownServer();
    redis = await openRedis({ url: server.url });
    records = redisRecords(redis, { now: Date.now });
  });
  afterEach(async () => {
    await redis.close();
    await server.end();
  });

  it('a killed server refuses at once, and is used again when it is back', async () => {
    await put('n');
    await server.kill();
    await expect(records.get('n')).rejects.toEqual(unavailable(/does not answer/));
    await expect(put('n')).rejects.toEqual(unavailable(/does not answer/));
    await server.restart();
    expect(await answered(() => records.get('n'))).toBeUndefined();
    expect(await put('n')).toBeDefined();
    expect((await records.list('u', { limit: 10 })).names).toEqual(['n']);
  });

  it('a frozen server hangs nobody: what was asked is refused, and later asked again', async () => {
    await put('n');
    server.signal('SIGSTOP');
    const asked = Promise.allSettled(Array.from({ length: 50 }, () => records.get('n')));
    const results = await asked;
    expect(new Set(results.map(({ status }) => status))).toEqual(new Set(['rejected']));
    server.signal('SIGCONT');
    expect((await answered(() => records.get('n')))?.bytes).toEqual(bytesOf('x'));
  });

  it('scripts that a server has forgotten are sent again', async () => {
    await put('n');
    server.command('SCRIPT', 'FLUSH');
    expect(await put('n', 'y')).toBeDefined();
    expect((await records.take('n'))?.bytes).toEqual(bytesOf('y'));
  });

  it('a server that loads its data says so', async () => {
    for (let n = 0; n < 200; n += 1) await put(`n${n}`, 'x'.repeat(1000));
    server.command('SAVE');
    await server.kill();
    await server.restart('--key-load-delay', '100000', '--loading-process-events-interval-bytes', '1024');
    let said: unknown;
    for (let n = 0; n < 1000 && !/loading/.test(String(said)); n += 1) {
      said = await records.get('n1').catch((error: unknown) => error);
      await sleep(20);
    }
    expect(said).toEqual(unavailable(/loading/));
    server.command('CONFIG', 'SET', 'key-load-delay', '0');
    expect((await answered(() => records.get('n1')))?.owners).toEqual(['u']);
  });

  it('a full server refuses records and still lets go, bars and reads', async () => {
    await put('session', 'x'.repeat(10_000));
    await put('code');
    server.command('CONFIG', 'SET', 'maxmemory', '1');
    await expect(put('new')).rejects.toEqual(unavailable(/out of memory/));
    expect(await records.get('session')).toBeDefined();
    expect(await records.take('code')).toBeDefined();
    await records.bar('session', Date.now() + hourMs);
    server.command('CONFIG', 'SET', 'maxmemory', '0');
    expect(await records.get('session')).toBeUndefined();
    expect(await put('session')).toBeUndefined();
  });

  it('a demoted server refuses, and the connection goes to whoever has its address then', async () => {
    await put('n');
    const other = await ownServer();
    server.command('REPLICAOF', '127.0.0.1', `${other.port}`);
    await expect(put('n')).rejects.toEqual(unavailable(/replica|does not answer/));
    server.command('REPLICAOF', 'NO', 'ONE');
    expect(await answered(() => put('n'))).toBeDefined();
    await other.end();
  });

  it('a value that somebody else wrote is refused, not read', async () => {
    for (const value of ['', 'R', 'x'.repeat(60), `R${'1'.repeat(16)}${'r'.repeat(20)}99999[]`]) {
      server.command('SET', 'sealgate:r:n', value);
      await expect(records.get('n')).rejects.toEqual(unavailable(/cannot be read/));
    }
  });

  it('no connection or a wrong password fails the start, with its reason', async () => {
    server.command('CONFIG', 'SET', 'requirepass', 'right');
    await expect(openRedis({ url: server.url })).rejects.toEqual(unavailable(/password/));
    const wrong = await openRedis({ url: server.url, authToken: 'wrong-token' }).catch(
      (error: unknown) => error,
    );
    expect(wrong).toEqual(unavailable(/password/));
    expect(JSON.stringify({ ...(wrong as Error), said: String(wrong) })).not.toContain('wrong-token');
    await (await openRedis({ url: server.url, authToken: 'right' })).close();
    await server.kill();
    await expect(openRedis({ url: server.url })).rejects.toEqual(unavailable(/does not answer/));
  });
});
