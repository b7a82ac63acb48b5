import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { envKey, memoryTables, openSealer, sealedRecords, systemTenant } from '@sealgate/vault';
import { testService } from '@sealgate/vault/testing';
import { describe, expect, it, vi } from 'vitest';
import { secretOf } from '../config/variable.ts';
import type { Log } from '../log.ts';
import { openTogether } from './together.ts';

const redisUrl = await testService('redis');
const now = Date.now;
const log = {} as unknown as Log;

async function deployment() {
  const tables = memoryTables({ now, indexLagMs: 0 });
  const provider = envKey(randomBytes(32).toString('base64'));
  const instance = async () => {
    const sealer = await openSealer({ tables, provider, now });
    const opened = await openTogether({
      config: configOf(redisUrl ?? ''),
      tables,
      sealer,
      given: {},
      log,
      now,
    });
    const records = sealedRecords(opened.records, sealer, {
      kind: 'record',
      table: 'things',
      tenant: systemTenant,
    });
    return { ...opened, sealed: records };
  };
  return { one: await instance(), other: await instance() };
}

function configOf(url: string) {
  const redis = { url: secretOf('REDIS_URL', url), authToken: undefined, allowPlaintext: false };
  return { redis };
}

async function hear(news: Awaited<ReturnType<typeof openTogether>>['news'], topic: string) {
  const heard: string[] = [];
  await news.subscribe(topic, {
    changed: (payload) => heard.push(payload),
    flush: () => heard.push('flush'),
  });
  return heard;
}

/** Everything that is sent to Redis from now on, as its `MONITOR` tells it. */
async function watched({ hostname, port }: URL): Promise<() => string> {
  const socket = connect(Number(port), hostname).unref();
  let seen = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (seen += chunk));
  socket.write('MONITOR\r\n');
  await once(socket, 'data');
  return () => seen;
}

describe.skipIf(redisUrl === undefined)('with Redis', () => {
  it('what one instance keeps and tells, the other has and hears; another deployment on the same Redis does not', async () => {
    const [ours, theirs] = [await deployment(), await deployment()];
    expect(ours.one.kinds).toMatchObject({ records: 'redis', bus: 'redis' });
    await ours.one.sealed.put('n', Buffer.from('x'), { endsAtMs: now() + 60_000 });
    expect((await ours.other.sealed.get('n'))?.bytes).toEqual(new Uint8Array(Buffer.from('x')));
    expect((await theirs.one.records.scan({ limit: 100 })).names).toEqual([]);
    const heard = await hear(ours.other.news, 'grants');
    const elsewhere = await hear(theirs.one.news, 'grants');
    await ours.one.news.publish('grants', 'alice@example.org');
    await vi.waitFor(() => expect(heard).toEqual(['alice@example.org']), 5000);
    expect(elsewhere).toEqual([]);
    for (const each of [ours.one, ours.other, theirs.one, theirs.other]) await each.close();
  });

  it('nothing that is kept or told can be read on the way to Redis', async () => {
    const seen = await watched(new URL(redisUrl ?? ''));
    const { one, other } = await deployment();
    const heard = await hear(other.news, 'connections');
    const clear = ['session-4242', 'alice@example.org', 'refresh-4242', 'tenant-4242', '192.0.2.42'] as const;
    await one.sealed.put(clear[0], Buffer.from(clear[2]), { endsAtMs: now() + 60_000, owners: [clear[1]] });
    await one.news.publish('connections', JSON.stringify({ tenant: clear[3] }));
    await one.limits('login', { limit: 5, windowMs: 60_000, keysMax: 9 }).consume('192.0.2.42');
    await vi.waitFor(() => expect(heard).toHaveLength(1), 5000);
    await vi.waitFor(() => expect(seen()).toMatch(/"sealgate:[\w-]{16}:l:[\w-]{43}"/), 5000);
    await vi.waitFor(
      () => expect(seen()).toMatch(/"PUBLISH" "sealgate:[\w-]{16}:bus" "connections [\w-]+"/),
      5000,
    );
    for (const text of clear)
      for (const form of [
        text,
        Buffer.from(text).toString('base64url').slice(0, -2),
        Buffer.from(text).toString('hex'),
      ])
        expect(seen()).not.toContain(form);
    await one.close();
    await other.close();
  });
});

it('a Redis that cannot be reached ends the start, and nothing takes its place', async () => {
  const tables = memoryTables({ now });
  const sealer = await openSealer({ tables, provider: envKey(randomBytes(32).toString('base64')), now });
  const config = configOf('redis://user:word@127.0.0.1:1');
  const opening = openTogether({ config, tables, sealer, given: {}, log, now });
  await expect(opening).rejects.toMatchObject({
    code: 'store_unavailable',
    message: expect.stringContaining('REDIS_URL'),
  });
  await expect(opening).rejects.not.toThrow(/word/);
});
