import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Refusal } from '../refusal.ts';
import { missingServer, ownServer, type OwnServer } from '../store/redis/fixtures/own-server.ts';
import { countedKeys, keptAudit } from './fixtures/test-manager.ts';
import { SecureTokenManager, type SecureTokenManagerOptions } from './secure-token-manager.ts';

const usersFile = new URL('../../../../docs/redis-users.acl', import.meta.url);

// A Redis of its own, whose only user is the one that docs/redis-users.acl describes.

describe.skipIf(missingServer() !== undefined)('tokens on Redis, as the user that may do least', () => {
  const directory = mkdtempSync(join(tmpdir(), 'acl-'));
  const provider = countedKeys();
  const opened: SecureTokenManager[] = [];
  let server: OwnServer;
  beforeAll(async () => {
    const digest = createHash('sha256').update('long-token').digest('hex');
    const users = readFileSync(usersFile, 'utf8').replace(/#0{64}/, `#${digest}`);
    const dumper = 'user dumper on >dumper ~* &* +@all';
    writeFileSync(join(directory, 'users.acl'), `${users.trimEnd()}\n${dumper}\n`);
    server = await ownServer('--aclfile', join(directory, 'users.acl'));
  });
  afterAll(async () => {
    for (const manager of opened) await manager.disconnect();
    await server.end();
    rmSync(directory, { recursive: true });
  });
  const open = async (options: SecureTokenManagerOptions = {}): Promise<SecureTokenManager> => {
    const redis = { url: `redis://sealgate@127.0.0.1:${server.port}`, authToken: 'long-token' };
    const manager = new SecureTokenManager({ redis, provider, audit: keptAudit().audit, ...options });
    opened.push(manager);
    await manager.connect();
    return manager;
  };
  const dumped = (...words: string[]): string =>
    server.command('--user', 'dumper', '--pass', 'dumper', '--no-auth-warning', ...words);
  const refused = async (manager: SecureTokenManager, client: string): Promise<boolean> =>
    manager.getToken(client, 'stripe').then(
      () => false,
      (error: unknown) => error instanceof Refusal && error.code === 'key_unavailable',
    );

  it('are stored, found by another instance, made once, and deleted', async () => {
    const [one, other] = [await open(), await open()];
    await one.storeToken('client-1', 'stripe', 'sk_live_4242');
    expect(await other.getToken('client-1', 'stripe')).toBe('sk_live_4242');
    expect(await other.deleteToken('client-1', 'stripe')).toBe(true);
    expect(await one.getToken('client-1', 'stripe')).toBeNull();
    let made = 0;
    const mint = () => `token-${(made += 1)}`;
    const calls = [one, other, one, other].map((manager) => manager.getOrCreate('client-1', 'paypal', mint));
    expect(await Promise.all(calls)).toEqual(Array(4).fill('token-1'));
    await one.storeToken('client-1', 'short', 'x', undefined, { ttlSeconds: 1 });
    while ((await other.getToken('client-1', 'short')) !== null)
      await new Promise((resolve) => setTimeout(resolve, 50));
  });

  it('show nothing of clients, providers, services or tokens, and every key ends', async () => {
    const manager = await open({ service: 'checkout-service', sharedKeys: true });
    await manager.storeToken('client-merchant-77', 'stripe-connect', 'sk_live_424242424242');
    await manager.getOrCreate('client-merchant-78', 'paypal-express', () => 'A21AAF-paypal-token');
    await manager.revoke('client-merchant-77');
    await manager.deleteToken('client-merchant-78', 'paypal-express');
    const keys = dumped('KEYS', '*').split('\n');
    expect(keys.length).toBeGreaterThan(5);
    const dump = keys.map((key) => {
      expect(Number(dumped('PTTL', key))).toBeGreaterThan(0);
      const read = dumped('TYPE', key) === 'zset' ? ['ZRANGE', key, '0', '-1'] : ['GET', key];
      return `${key}\n${dumped(...read)}`;
    });
    const clear = [
      'client-merchant',
      'stripe-connect',
      'paypal-express',
      'checkout-service',
      'sk_live_',
      'A21AAF-',
    ];
    expect(clear.filter((text) => dump.join('\n').includes(text))).toEqual([]);
  });

  it('of a revoked client, whose key is disabled, are out of reach of every instance', async () => {
    const [one, other] = [await open({ pollMs: 3_600_000 }), await open({ pollMs: 3_600_000 })];
    await one.storeToken('client-9', 'stripe', 'a');
    expect(await other.getToken('client-9', 'stripe')).toBe('a');
    provider.allow = ({ tenant }) => tenant !== 'client-9';
    expect([await refused(one, 'client-9'), await refused(other, 'client-9')]).toEqual([false, false]);
    await one.revoke('client-9');
    expect(await refused(one, 'client-9')).toBe(true);
    while (!(await refused(other, 'client-9'))) await new Promise((resolve) => setTimeout(resolve, 5));
    provider.allow = undefined;
  });

  it('are out of reach, and not absent, while Redis is', async () => {
    const manager = await open();
    await manager.storeToken('client-3', 'stripe', 'a');
    await server.kill();
    await expect(manager.getToken('client-3', 'stripe')).rejects.toMatchObject({ code: 'store_unavailable' });
    await server.restart();
    const again = async <V>(act: () => Promise<V>): Promise<V> => {
      for (;;) {
        const tried = await act().then(
          (value) => ({ value }),
          () => undefined,
        );
        if (tried !== undefined) return tried.value;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    };
    expect(await again(() => manager.getToken('client-3', 'stripe'))).toBeNull();
    await again(() => manager.storeToken('client-3', 'stripe', 'b'));
    expect(await manager.getToken('client-3', 'stripe')).toBe('b');
  });
});

it.each([
  ['redis://redis.example.com:6379', 'store_insecure'],
  ['nonsense', 'store_unavailable'],
])('Redis at %s is refused', async (url, code) => {
  const manager = new SecureTokenManager({
    redis: { url },
    provider: countedKeys(),
    audit: keptAudit().audit,
  });
  await expect(manager.connect()).rejects.toMatchObject({ code });
  await manager.disconnect();
});
