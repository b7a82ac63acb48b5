import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Refusal } from '../refusal.ts';
import { everyPage } from '../store/every-page.ts';
import { instances, type Instances } from './fixtures/test-manager.ts';
import type { SecureTokenManager } from './secure-token-manager.ts';

// What somebody can do who reads and writes the store at will, and what a service can do with another's tokens.

let stage: Instances;
beforeEach(() => void (stage = instances()));
afterEach(() => stage.close());

const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    (value) => `gave ${JSON.stringify(value)}`,
    (error: unknown) => (error instanceof Refusal ? error.code : String(error)),
  );

async function dump(): Promise<Map<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>();
  for await (const { names } of everyPage((from) => stage.records.scan({ limit: 100, ...from })))
    for (const name of names) found.set(name, (await stage.records.get(name))?.bytes ?? new Uint8Array());
  return found;
}

/** What a call adds to the store. */
async function addedBy(work: () => Promise<unknown>): Promise<[string, Uint8Array][]> {
  const before = await dump();
  await work();
  return [...(await dump())].filter(([name]) => !before.has(name));
}

async function write(name: string, bytes: Uint8Array, lifeMs = 3_600_000): Promise<void> {
  await stage.records.put(name, bytes, { endsAtMs: stage.clock.ms + lifeMs });
}

const of = (records: [string, Uint8Array][], kind: 'token' | 'key') =>
  records.filter(([name]) => name.startsWith(`tokens.${kind}.`)).map(([name, bytes]) => ({ name, bytes }));

async function store(manager: SecureTokenManager, client: string, provider: string, token: string) {
  const added = await addedBy(() => manager.storeToken(client, provider, token));
  const [record] = of(added, 'token');
  const [key] = of(added, 'key');
  if (record === undefined || key === undefined) throw new Error('nothing was stored');
  return { record, key };
}

it('a dump of the store names no client, provider, service or key, and holds no token', async () => {
  const manager = await stage.open({ service: 'checkout-service', sharedKeys: true });
  const kmsKeyId = 'alias/sealgate/client-merchant-77';
  await manager.storeToken('client-merchant-77', 'stripe-connect', 'sk_live_4242424242', kmsKeyId);
  await manager.getOrCreate('client-merchant-78', 'paypal-express', () => 'A21AAF-paypal-token');
  await manager.revoke('client-merchant-77');
  const all = [...(await dump())]
    .map(([name, bytes]) => name + Buffer.from(bytes).toString('latin1'))
    .join('\n');
  const secrets = [
    'client-merchant',
    'stripe-connect',
    'paypal-express',
    'checkout-service',
    'sk_live_',
    'A21AAF-',
  ];
  expect(secrets.filter((secret) => all.includes(secret))).toEqual([]);
  for (const token of ['sk_live_4242424242', 'A21AAF-paypal-token'])
    for (const encoding of ['base64', 'base64url', 'hex'] as const)
      expect(all).not.toContain(Buffer.from(token).toString(encoding).slice(0, -4));
});

describe('a token that is moved does not open', () => {
  it.each([
    ['to another client', 'client-2', 'stripe'],
    ['to another provider', 'client-1', 'paypal'],
  ])('%s, with its key or without', async (_, client, provider) => {
    const manager = await stage.open();
    const one = await store(manager, 'client-1', 'stripe', 'one');
    const other = await store(manager, client, provider, 'other');
    await write(other.record.name, one.record.bytes);
    expect(await codeOf(manager.getToken(client, provider))).toBe('open_failed');
    // With cold keys, and the key's record under the other's name as well.
    await manager.disconnect();
    await manager.connect();
    expect(await codeOf(manager.getToken(client, provider))).toBe('open_failed');
    await write(other.key.name, one.key.bytes);
    await write(other.record.name, withKey(one.record.bytes, other.key.name));
    expect(await codeOf(manager.getToken(client, provider))).toBe('key_unavailable');
  });
  it('to the key of another service', async () => {
    const [checkout, reports] = [
      await stage.open({ service: 'checkout' }),
      await stage.open({ service: 'reports' }),
    ];
    const one = await store(checkout, 'client-1', 'stripe', 'one');
    const [key] = of(await addedBy(() => reports.storeToken('client-1', 'stripe', 'other')), 'key');
    await write(one.record.name, withKey(one.record.bytes, key?.name ?? ''));
    for (const manager of [checkout, reports])
      expect(await codeOf(manager.getToken('client-1', 'stripe'))).toBe('open_failed');
  });
  it('to another store with other names', async () => {
    const manager = await stage.open();
    const one = await store(manager, 'client-1', 'stripe', 'one');
    const [key, records] = [one.key, [...(await dump())]];
    await manager.disconnect();
    for (const [name] of records) await stage.records.take(name);
    const anew = await stage.open();
    const other = await store(anew, 'client-1', 'stripe', 'other');
    expect(other.record.name).not.toBe(one.record.name);
    await write(key.name, key.bytes);
    await write(other.record.name, one.record.bytes);
    expect(await codeOf(anew.getToken('client-1', 'stripe'))).toBe('key_unavailable');
  });
});

it('no flipped bit of a token opens', async () => {
  const manager = await stage.open();
  const { record } = await store(manager, 'client-1', 'stripe', 'one');
  for (let at = 0; at < record.bytes.length; at += 1) {
    const flipped = Uint8Array.from(record.bytes);
    flipped[at]! ^= 1;
    await write(record.name, flipped);
    expect(await codeOf(manager.getToken('client-1', 'stripe'))).not.toMatch(/^gave "/);
  }
});

it('no flipped bit of its key opens, and that is not said of the token', async () => {
  const manager = await stage.open();
  const { key } = await store(manager, 'client-1', 'stripe', 'one');
  for (let at = 0; at < key.bytes.length; at += 7) {
    const flipped = Uint8Array.from(key.bytes);
    flipped[at]! ^= 1;
    await write(key.name, flipped);
    const cold = await stage.open();
    expect(await codeOf(cold.getToken('client-1', 'stripe'))).toBe('key_unavailable');
  }
});

describe('a token that is played back', () => {
  it('does not outlive the end it was stored with, whatever end its record is given', async () => {
    const manager = await stage.open();
    const { record } = await store(manager, 'client-1', 'stripe', 'one');
    await manager.deleteToken('client-1', 'stripe');
    await write(record.name, record.bytes, 30 * 24 * 3_600_000);
    const unaware = await stage.open();
    expect(await unaware.getToken('client-1', 'stripe')).toBe('one');
    stage.clock.ms += 900_000;
    expect(await unaware.getToken('client-1', 'stripe')).toBeNull();
  });
  it('does not come back on an instance that has heard of its deletion', async () => {
    const [one, other] = [await stage.open(), await stage.open()];
    const { record } = await store(one, 'client-1', 'stripe', 'one');
    await one.deleteToken('client-1', 'stripe');
    await write(record.name, record.bytes);
    expect(await codeOf(one.getToken('client-1', 'stripe'))).toBe('open_failed');
    await other.storeToken('client-1', 'stripe', 'two');
    expect(await one.getToken('client-1', 'stripe')).toBe('two');
  });
});

describe('a token of another service', () => {
  it('is read by one that the key service lets in, and by no other', async () => {
    const owner = await stage.open({ service: 'checkout' });
    await owner.storeToken('client-1', 'stripe', 'one');
    const reader = await stage.open({ service: 'reports' });
    expect(await reader.getToken('client-1', 'stripe')).toBe('one');
    stage.provider.allow = ({ purpose, details }) =>
      purpose !== 'token' || details?.['service'] === 'reports';
    const stranger = await stage.open({ service: 'reports' });
    expect(await codeOf(stranger.getToken('client-1', 'stripe'))).toBe('key_unavailable');
    await stranger.storeToken('client-1', 'paypal', 'its own');
    expect(await stranger.getToken('client-1', 'paypal')).toBe('its own');
  });
});

/** A token that says it is sealed under another key. */
function withKey(bytes: Uint8Array, keyRecord: string): Uint8Array {
  const name = Buffer.from(keyRecord.slice('tokens.key.'.length), 'latin1');
  return Buffer.concat([bytes.subarray(0, 1), name, bytes.subarray(1 + name.length)]);
}
