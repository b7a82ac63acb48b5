import { CreateAliasCommand, DisableKeyCommand } from '@aws-sdk/client-kms';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { onAws, openKmsStage, type KmsStage } from '../keys/kms/fixtures/kms-stage.ts';
import type { PeerIdentity } from '../keys/kms/fixtures/kms-peer.ts';
import { identityPolicy } from '../keys/kms/policy-text.ts';
import { Refusal } from '../refusal.ts';
import { memoryRecords } from '../store/memory/records.ts';
import { keptAudit } from './fixtures/test-manager.ts';
import { SecureTokenManager, type SecureTokenManagerOptions } from './secure-token-manager.ts';

let stage: KmsStage;
const opened: SecureTokenManager[] = [];
beforeAll(async () => void (stage = await openKmsStage()));
afterAll(async () => {
  for (const manager of opened) await manager.disconnect();
  await stage.close();
});

const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    (value) => `gave ${String(value)}`,
    (error: unknown) => (error instanceof Refusal ? error.code : String(error)),
  );

/** Instances on one store, each as whoever it is told. */
function storeUnder(keyId: string) {
  const records = memoryRecords({ now: Date.now });
  return async (who?: PeerIdentity, options: SecureTokenManagerOptions = {}): Promise<SecureTokenManager> => {
    const credentials = who === undefined ? stage.connection.credentials : who.credentials;
    const kms = { keyId, ...stage.connection, credentials };
    const manager = new SecureTokenManager({ records, kms, audit: keptAudit().audit, ...options });
    opened.push(manager);
    await manager.connect();
    return manager;
  };
}

it('a token is wrapped by the key that is named, by ARN, id or alias, or by the configured one', async () => {
  const [shared, own] = [await stage.makeKey(), await stage.makeKey()];
  const alias = `alias/sealgate-test/${randomBytes(6).toString('hex')}`;
  await stage.client.send(new CreateAliasCommand({ AliasName: alias, TargetKeyId: own }));
  const open = storeUnder(shared);
  const manager = await open();
  const clients = { 'client-arn': own, 'client-id': own.replace(/.*\//, ''), 'client-alias': alias };
  for (const [client, kmsKeyId] of Object.entries(clients))
    await manager.storeToken(client, 'stripe', `token of ${client}`, kmsKeyId);
  await manager.storeToken('client-shared', 'stripe', 'token of client-shared');
  await stage.client.send(new DisableKeyCommand({ KeyId: own }));
  const cold = await open();
  for (const client of Object.keys(clients)) {
    expect(await manager.getToken(client, 'stripe')).toBe(`token of ${client}`);
    await manager.revoke(client);
    expect(await codeOf(manager.getToken(client, 'stripe'))).toBe('key_unavailable');
    expect(await codeOf(cold.getToken(client, 'stripe'))).toBe('key_unavailable');
  }
  expect(await cold.getToken('client-shared', 'stripe')).toBe('token of client-shared');
});

describe.skipIf(onAws)('the policy that is printed for an instance of one client', () => {
  it('lets it keep and read tokens of that client, and of no other, nor as another service', async () => {
    const peer = stage.peer!;
    const arn = await stage.makeKey();
    const open = storeUnder(arn);
    const admin = await open(undefined, { service: 'checkout' });
    await admin.storeToken('client-a', 'stripe', 'of a');
    await admin.storeToken('client-b', 'stripe', 'of b');
    const policy = (tenant: string, service: string) =>
      identityPolicy({ deployment: undefined, tenant, service, instance: true }, { arn });
    const roleA = peer.addIdentity('checkout-a', policy('client-a', 'checkout'));
    const a = await open(roleA, { service: 'checkout', sharedKeys: true });
    expect(await a.getToken('client-a', 'stripe')).toBe('of a');
    await a.storeToken('client-a', 'paypal', 'its own');
    expect(await a.getToken('client-a', 'paypal')).toBe('its own');
    expect(await codeOf(a.getToken('client-b', 'stripe'))).toBe('key_unavailable');
    expect(await codeOf(a.storeToken('client-b', 'paypal', 'x'))).toBe('key_unavailable');
    const reports = await open(peer.addIdentity('reports-a', policy('client-a', 'reports')), {
      service: 'reports',
    });
    expect(await codeOf(reports.getToken('client-a', 'stripe'))).toBe('key_unavailable');
    await reports.storeToken('client-a', 'ledger', 'of reports');
    expect(await reports.getToken('client-a', 'ledger')).toBe('of reports');
    const denied = peer.events.filter(({ errorCode }) => errorCode === 'AccessDenied').length;
    expect(denied).toBeGreaterThan(2);
  });
});

describe.skipIf(onAws)('what KMS is asked in an hour of calls every second, seen on the wire,', () => {
  const clients = ['client-1', 'client-2', 'client-3', 'client-4', 'client-5'];
  const callCount = 3600;
  const hour = async (count: number, sharedKeys: boolean): Promise<number> => {
    const clock = { ms: Date.now() };
    const now = (): number => clock.ms;
    const records = memoryRecords({ now });
    const kms = { keyId: await stage.makeKey(), ...stage.connection };
    const peer = stage.peer!;
    const before = peer.calls('Decrypt') + peer.calls('GenerateDataKey');
    const managers = Array.from(
      { length: count },
      () => new SecureTokenManager({ records, kms, audit: keptAudit().audit, now, sharedKeys }),
    );
    for (const manager of managers) await manager.connect();
    for (const client of clients)
      await managers[0]?.storeToken(client, 'stripe', 'a', undefined, { ttlSeconds: 7200 });
    for (let n = 0; n < callCount; n += 1) {
      clock.ms += 1000;
      expect(await managers[n % count]?.getToken(clients[n % clients.length] ?? '', 'stripe')).toBe('a');
    }
    for (const manager of managers) await manager.disconnect();
    return peer.calls('Decrypt') + peer.calls('GenerateDataKey') - before;
  };
  it('is each key once in five minutes, by each instance or by one for all', async () => {
    const [alone, each, shared] = [await hour(1, false), await hour(3, false), await hour(3, true)];
    // 270 s is the shortest life of a key; beside them are the names of the store, made and read at the start.
    const lives = Math.ceil(3600 / 270) + 1;
    expect(alone).toBeLessThanOrEqual(clients.length * lives + 2);
    expect(each).toBeLessThanOrEqual(3 * (clients.length * lives + 2));
    expect(shared).toBeLessThanOrEqual((clients.length + 3) * lives + 3 * 2 + 1);
    expect(shared).toBeLessThan(each);
  });
});

describe.skipIf(onAws)('a key service that does not answer', () => {
  it('leaves warm clients alone, fails cold ones as that, and is not asked by each of a crowd', async () => {
    const peer = stage.peer!;
    const manager = await storeUnder(await stage.makeKey())();
    await manager.storeToken('client-warm', 'stripe', 'a');
    await manager.storeToken('client-cold', 'stripe', 'b');
    await manager.revoke('client-cold');
    peer.faults.push({ kind: 'throttle' });
    const before = peer.calls('Decrypt');
    expect(await manager.getToken('client-warm', 'stripe')).toBe('a');
    const crowd = Array.from({ length: 50 }, () => codeOf(manager.getToken('client-cold', 'stripe')));
    expect(new Set(await Promise.all(crowd))).toEqual(new Set(['key_unavailable']));
    expect(peer.calls('Decrypt') - before).toBeLessThan(10);
    peer.faults.splice(0);
  });
});
