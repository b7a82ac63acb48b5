import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Refusal } from '../refusal.ts';
import { memoryBus } from '../store/memory/bus.ts';
import { everyPage } from '../store/every-page.ts';
import { instances, type Instances } from './fixtures/test-manager.ts';
import type { SecureTokenManager } from './secure-token-manager.ts';

let stage: Instances;
beforeEach(() => void (stage = instances()));
afterEach(() => stage.close());

const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'opens',
    (error: unknown) => (error instanceof Refusal ? error.code : String(error)),
  );

const token = (manager: SecureTokenManager, client = 'client-1') =>
  codeOf(manager.getToken(client, 'stripe'));

/** Two instances that hold the keys of two clients, of which the key service then refuses one. */
async function warm(options: Parameters<Instances['open']>[0]) {
  const [one, other] = [await stage.open(options), await stage.open(options)];
  for (const client of ['client-1', 'client-2']) {
    await one.storeToken(client, 'stripe', 'a');
    expect(await token(other, client)).toBe('opens');
  }
  stage.provider.allow = ({ tenant }) => tenant !== 'client-1';
  expect([await token(one), await token(other)]).toEqual(['opens', 'opens']);
  return { one, other };
}

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('a revoked client, whose key is disabled,', () => {
  it('is inaccessible on every instance that the bus reaches', async () => {
    const { one, other } = await warm({ bus: memoryBus(), pollMs: 3_600_000 });
    await one.revoke('client-1');
    expect(await token(one)).toBe('key_unavailable');
    await eventually(async () => (await token(other)) === 'key_unavailable');
    expect([await token(one, 'client-2'), await token(other, 'client-2')]).toEqual(['opens', 'opens']);
  });
  it('is inaccessible at the next look of an instance that hears nothing, and no other client is', async () => {
    const { one, other } = await warm({ pollMs: 10 });
    const before = stage.provider.unwrapped();
    await one.revoke('client-1');
    await eventually(async () => (await token(other)) === 'key_unavailable');
    const asked = stage.provider.contexts.slice(-(stage.provider.unwrapped() - before));
    expect(asked.filter(({ tenant }) => tenant === 'client-2')).toEqual([]);
  });
  it('is inaccessible to one that missed more than is written down', async () => {
    const { one, other } = await warm({ pollMs: 200 });
    await one.revoke('client-1');
    for (let n = 0; n < 300; n += 1) await one.revoke(`client-${n + 10}`);
    await eventually(async () => (await token(other)) === 'key_unavailable');
  });
  it('is inaccessible although another instance has shared the opened key, also to one that starts later', async () => {
    const { one, other } = await warm({ bus: memoryBus(), sharedKeys: true });
    await one.revoke('client-1');
    await eventually(async () => (await token(other)) === 'key_unavailable');
    const late = await stage.open({ sharedKeys: true });
    expect(await token(late)).toBe('key_unavailable');
  });
});

it.each(['', 'x', '{}', '[[1]]', '[["1","a"]]'])(
  'what stands in the place of revocations is no harm: %j',
  async (text) => {
    const write = { endsAtMs: stage.clock.ms + 3_600_000 };
    await stage.records.put('tokens.revoked', Buffer.from(text), write);
    const manager = await stage.open({ pollMs: 5 });
    await manager.storeToken('client-1', 'stripe', 'a');
    await manager.revoke('client-1');
    expect(await token(manager)).toBe('opens');
  },
);

it('a store that was emptied is sealed anew under keys that it holds', async () => {
  const [one, other] = [await stage.open({ pollMs: 10 }), await stage.open({ pollMs: 10 })];
  await one.storeToken('client-1', 'stripe', 'a');
  for await (const { names } of everyPage((from) => stage.records.scan({ limit: 100, ...from })))
    for (const name of names) await stage.records.take(name);
  await eventually(async () => (await stage.records.get('tokens.names')) !== undefined);
  await eventually(async () => {
    await one.storeToken('client-1', 'stripe', 'b');
    return (await token(await stage.open())) === 'opens';
  });
  expect(await other.getToken('client-1', 'stripe')).toBe('b');
  const late = await stage.open();
  expect(await late.getToken('client-1', 'stripe')).toBe('b');
});

describe('a shared key', () => {
  it('is asked of the key service once for all instances, and ends with its first opening', async () => {
    const managers = await Promise.all([1, 2, 3].map(() => stage.open({ sharedKeys: true })));
    await managers[0]?.storeToken('client-1', 'stripe', 'a', undefined, { ttlSeconds: 3600 });
    const count = () => stage.provider.contexts.filter(({ tenant }) => tenant === 'client-1').length;
    for (const manager of managers) expect(await token(manager)).toBe('opens');
    expect(count()).toBe(1);
    stage.clock.ms += 150_000;
    const late = await stage.open({ sharedKeys: true });
    expect(await token(late)).toBe('opens');
    expect(count()).toBe(1);
    stage.provider.allow = ({ tenant }) => tenant !== 'client-1';
    stage.clock.ms += 180_001;
    for (const manager of [...managers, late]) expect(await token(manager)).toBe('key_unavailable');
  });
  it('is of no use to another service', async () => {
    const owner = await stage.open({ sharedKeys: true, service: 'checkout' });
    await owner.storeToken('client-1', 'stripe', 'a');
    stage.provider.allow = ({ details }) => details?.['service'] !== 'checkout';
    expect(await token(await stage.open({ sharedKeys: true, service: 'reports' }))).toBe('key_unavailable');
  });
  it('that was changed, moved or made to last is not used', async () => {
    const owner = await stage.open({ sharedKeys: true });
    await owner.storeToken('client-1', 'stripe', 'a', undefined, { ttlSeconds: 3600 });
    const { names } = await stage.records.scan({ limit: 100 });
    const name = names.find((each) => each.startsWith('tokens.open.')) ?? '';
    const { bytes } = (await stage.records.get(name))!;
    const later = Buffer.from(bytes);
    later.write(String(Number(later.toString('latin1', 43, 59)) + 600_000).padStart(16, '0'), 43, 'latin1');
    stage.clock.ms += 330_001;
    for (const planted of [bytes, later, Buffer.alloc(100), Buffer.alloc(3)]) {
      await stage.records.put(name, planted, { endsAtMs: stage.clock.ms + 3_600_000 });
      const before = stage.provider.contexts.filter(({ tenant }) => tenant === 'client-1').length;
      expect(await token(await stage.open({ sharedKeys: true }))).toBe('opens');
      expect(stage.provider.contexts.filter(({ tenant }) => tenant === 'client-1').length).toBe(before + 1);
    }
  });
});
