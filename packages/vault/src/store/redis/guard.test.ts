import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { envKey } from '../../keys/env-key.ts';
import { openSealer } from '../../keys/open-sealer.ts';
import { sealedRecords } from '../../keys/sealed-records.ts';
import { busContract } from '../bus-contract.ts';
import type { OpenRecords } from '../contract/records-case.ts';
import { memoryTables } from '../memory/tables.ts';
import { recordsContract } from '../records-contract.ts';
import { redisBus } from './bus.ts';
import { makeCertificates } from './fixtures/certificates.ts';
import { missingServer, ownServer } from './fixtures/own-server.ts';
import { redisRecords } from './records.ts';
import { openRedis, type RedisServer } from './server.ts';
import { redisUseCounter } from './use-counter.ts';

const hourMs = 3_600_000;
const usersFile = new URL('../../../../../docs/redis-users.acl', import.meta.url);

function recordsOn(redis: RedisServer): OpenRecords {
  return async ({ now }) => {
    const records = redisRecords(redis, { now, prefix: `sealgate:${randomBytes(6).toString('hex')}:` });
    return { records, settle: async () => undefined, close: records.close };
  };
}

it.each([
  'redis://redis.example.com:6379',
  'redis://10.0.0.4',
  'redis://localhost.example.com',
  'redis://[2001:db8::1]',
  'redis://0.0.0.0',
])('Redis on another machine is not spoken to in clear: %s', async (url) => {
  await expect(openRedis({ url })).rejects.toMatchObject({ code: 'store_insecure' });
});

it.each([
  'https://localhost',
  'redis://',
  'localhost:6379',
  'redis://localhost/0/../x',
  'redis://u:secret-word@localhost?x=1',
])('an address that is none is refused without a word of it: %s', async (url) => {
  const refusal = await openRedis({ url }).catch((error: unknown) => error as Error);
  expect(refusal).toMatchObject({ code: 'store_unavailable' });
  expect(JSON.stringify(refusal) + String(refusal)).not.toContain('secret-word');
});

describe.skipIf(missingServer() !== undefined)('TLS', () => {
  const directory = mkdtempSync(join(tmpdir(), 'tls-'));
  const own = makeCertificates(directory);
  const tls = ['--port', '0', '--tls-cert-file', own.certificate, '--tls-key-file', own.key];
  const with13 = [...tls, '--tls-auth-clients', 'no', '--tls-ca-cert-file', own.authority];
  const serve = async (...further: string[]) => {
    const server = await ownServer(...with13, '--tls-port', 'PORT', ...further);
    return { server, url: `rediss://127.0.0.1:${server.port}` };
  };
  afterAll(() => rmSync(directory, { recursive: true }));

  it('the certificate of the authority that is named is trusted', async () => {
    const { server, url } = await serve();
    const redis = await openRedis({ url, certificateAuthorities: own.authorityPem });
    const records = redisRecords(redis, { now: Date.now });
    await records.put('n', Buffer.from('x'), { endsAtMs: Date.now() + hourMs });
    expect(await records.get('n')).toBeDefined();
    await redis.close();
    await server.end();
  });

  it('no other authority, no other name and no older TLS is', async () => {
    const { server, url } = await serve();
    const insecure = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      await expect(openRedis({ url })).rejects.toMatchObject({ code: 'store_unavailable' });
      const otherName = url.replace('127.0.0.1', 'localhost');
      await expect(
        openRedis({ url: otherName, certificateAuthorities: own.authorityPem }),
      ).rejects.toMatchObject({ code: 'store_unavailable', detail: expect.stringMatching(/altnames/) });
    } finally {
      if (insecure === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
      else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = insecure;
    }
    await server.end();
    const older = await serve('--tls-protocols', 'TLSv1.2');
    await expect(
      openRedis({ url: older.url, certificateAuthorities: own.authorityPem }),
    ).rejects.toMatchObject({ code: 'store_unavailable', detail: expect.stringMatching(/protocol version/) });
    await older.server.end();
  });
});

describe.skipIf(missingServer() !== undefined)('the user that docs/redis-users.acl describes', async () => {
  if (missingServer() !== undefined) return;
  const directory = mkdtempSync(join(tmpdir(), 'acl-'));
  const file = join(directory, 'users.acl');
  const digest = createHash('sha256').update('long-token').digest('hex');
  writeFileSync(file, readFileSync(usersFile, 'utf8').replace(/#0{64}/, `#${digest}`));
  const server = await ownServer('--aclfile', file);
  const url = `redis://sealgate@127.0.0.1:${server.port}`;
  const redis = await openRedis({ url, authToken: 'long-token' });
  afterAll(async () => {
    await redis.close();
    await server.end();
    rmSync(directory, { recursive: true });
  });

  it.each(recordsContract)('may do what records need: $name', ({ run }) => run(recordsOn(redis)));
  it.each(busContract)('may do what a bus needs: $name', ({ run }) =>
    run(async () => {
      const bus = await redisBus(redis);
      return { one: bus, other: bus, close: bus.close };
    }),
  );
  it('may do what counting uses needs', async () => {
    const counter = redisUseCounter(redis);
    const limit = { limit: 1, windowMs: 60_000 };
    expect(await counter.use('n', limit)).toMatchObject({ allowed: true, used: 1 });
    expect(await counter.use('n', limit)).toMatchObject({ allowed: false, used: 1 });
  });
  it.each([
    ['KEYS', '*'],
    ['FLUSHALL'],
    ['CONFIG', 'GET', '*'],
    ['GET', 'other:key'],
    ['PUBLISH', 'other:bus', 'x'],
    ['EVAL', "return redis.call('GET', 'other:key')", '0'],
    ['ACL', 'LIST'],
    ['DEBUG', 'SLEEP', '0'],
  ])('may not do more: %s %s', async (...command) => {
    await expect(redis.send('sealgate:x', command)).rejects.toMatchObject({
      code: 'store_unavailable',
      message: expect.stringMatching(/lacks rights|does not answer/),
    });
  });
  it('cannot sign in with the file as it is shipped, nor can anybody else', async () => {
    await expect(openRedis({ url: `redis://127.0.0.1:${server.port}` })).rejects.toMatchObject({
      code: 'store_unavailable',
    });
    expect(readFileSync(usersFile, 'utf8')).toMatch(/^user default off /);
  });
});

it.skipIf(missingServer() !== undefined)(
  'nothing of a sealed record can be read in any key or value',
  async () => {
    const server = await ownServer();
    const redis = await openRedis({ url: server.url });
    const tables = memoryTables({ now: Date.now });
    const sealer = await openSealer({
      tables,
      provider: envKey(randomBytes(32).toString('hex')),
      now: Date.now,
    });
    const records = sealedRecords(redisRecords(redis, { now: Date.now }), sealer, {
      kind: 'session',
      table: 'sessions',
      tenant: 'tenant-4242',
    });
    const clear = ['session-4242', 'alice@example.org', 'grant-4242', 'refresh-4242', 'tenant-4242'];
    const write = { endsAtMs: Date.now() + hourMs, owners: clear.slice(1, 3) };
    for (const name of ['session-4242', 'session-4242-b', 'session-4242-c'])
      await records.put(name, Buffer.from('refresh-4242'), write);
    await records.extend('session-4242', Date.now() + 2 * hourMs);
    await records.bar('session-4242-b', Date.now() + hourMs);
    await records.take('session-4242-c');
    server.command('SAVE');
    const keys = server.command('KEYS', '*').split('\n');
    const dump = keys.map((key) => {
      const read = server.command('TYPE', key) === 'zset' ? ['ZRANGE', key, '0', '-1'] : ['GET', key];
      expect(Number(server.command('PTTL', key))).toBeGreaterThan(0);
      return `${key}\n${server.command(...read)}`;
    });
    expect(dump.length).toBe(4);
    const all = dump.join('\n') + readFileSync(join(server.directory, 'dump.rdb'), 'latin1');
    for (const word of clear) expect(all.includes(word), `${word} is readable`).toBe(false);
    await redis.close();
    await server.end();
  },
);
