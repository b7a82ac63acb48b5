import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { openRedis } from '../store/redis/server.ts';
import { oneKeySealer } from '../testing/one-key-sealer.ts';
import { testService } from '../testing/test-service.ts';
import { createSessionManager, type SessionManagerOptions } from './session-manager.ts';

const hourMs = 60 * 60 * 1000;
const redis = await testService('redis');
const sealer = oneKeySealer();
const prefix = `t${randomBytes(6).toString('hex')}:`;
const authInfo = { token: 'at-4242', clientId: 'c1', scopes: ['mcp'] };
const kinds: [string, () => SessionManagerOptions][] = [['memory', () => ({})]];
if (redis !== undefined) kinds.push(['Redis', () => ({ redis: { url: redis }, sealer, prefix })]);

describe.each(kinds)('managed sessions in %s', (_, options) => {
  test('a session is its maker’s, until it is closed, and nobody takes its id', async () => {
    const manager = await createSessionManager<typeof authInfo>(options());
    const id = randomBytes(16).toString('hex');
    expect(await manager.createSession(authInfo, id)).toMatchObject({ sessionId: id, authInfo });
    expect(await manager.createSession({ ...authInfo, clientId: 'eve' }, id)).toBeUndefined();
    expect(await manager.getSession(id)).toMatchObject({ authInfo });
    await manager.closeSession(id);
    expect(await manager.getSession(id)).toBeUndefined();
    expect(await manager.createSession({ ...authInfo, clientId: 'eve' }, id)).toBeUndefined();
    await manager.close();
  });

  test('a session lives for a day', async () => {
    const clock = { nowMs: Date.now() };
    const manager = await createSessionManager({ ...options(), now: () => clock.nowMs });
    const id = randomBytes(16).toString('hex');
    await manager.createSession(authInfo, id);
    clock.nowMs += 24 * hourMs - 1;
    expect(await manager.getSession(id)).toBeDefined();
    clock.nowMs += 1;
    expect(await manager.getSession(id)).toBeUndefined();
    await manager.close();
  });
});

test.skipIf(redis === undefined)(
  'on Redis a session is another process’s too, and nothing of it can be read',
  async () => {
    const [one, other] = await Promise.all(
      [1, 2].map(() => createSessionManager({ redis: { url: redis ?? '' }, sealer, prefix })),
    );
    const id = randomBytes(16).toString('hex');
    await one?.createSession(authInfo, id);
    expect(await other?.getSession(id)).toMatchObject({ authInfo });
    const server = await openRedis({ url: redis ?? '' });
    const keys = (await server.send('', ['KEYS', `${prefix}*`])) as Buffer[];
    const values = (await Promise.all(
      keys.map((key) => server.send('', ['GET', String(key)]).catch(() => '')),
    )) as unknown[];
    const dump = [...keys, ...values].map(String).join('\n');
    expect(keys.length).toBeGreaterThan(0);
    for (const text of [id, 'at-4242', 'c1"']) expect(dump).not.toContain(text);
    await Promise.all([one?.close(), other?.close(), server.close()]);
  },
);

test('a Redis that does not answer fails the start; it never becomes memory', async () => {
  const nowhere = { url: 'redis://127.0.0.1:1' };
  await expect(createSessionManager({ redis: nowhere, sealer })).rejects.toMatchObject({
    code: 'store_unavailable',
  });
  await expect(createSessionManager({ redis: nowhere })).rejects.toMatchObject({ code: 'context_invalid' });
});
