import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Refusal } from '../refusal.ts';
import { instances, type Instances } from './fixtures/test-manager.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

let stage: Instances;
beforeEach(() => void (stage = instances()));
afterEach(() => stage.close());

const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'none',
    (error: unknown) => (error instanceof Refusal ? error.code : String(error)),
  );

describe('a token', () => {
  it('is given back to every instance, until its time is over', async () => {
    const [one, other] = [await stage.open(), await stage.open()];
    await one.storeToken('client-1', 'stripe', 'sk_live_4242');
    expect(await one.getToken('client-1', 'stripe')).toBe('sk_live_4242');
    expect(await other.getToken('client-1', 'stripe')).toBe('sk_live_4242');
    stage.clock.ms += 900_000 - 1;
    expect(await other.getToken('client-1', 'stripe')).toBe('sk_live_4242');
    stage.clock.ms += 1;
    expect(await other.getToken('client-1', 'stripe')).toBeNull();
  });
  it('lives as long as it is told, and is absent when it was deleted or never there', async () => {
    const manager = await stage.open();
    await manager.storeToken('client-1', 'stripe', 'a', undefined, { ttlSeconds: 5 });
    stage.clock.ms += 5000;
    expect(await manager.getToken('client-1', 'stripe')).toBeNull();
    await manager.storeToken('client-1', 'stripe', 'b');
    expect(await manager.deleteToken('client-1', 'stripe')).toBe(true);
    expect(await manager.deleteToken('client-1', 'stripe')).toBe(false);
    expect(await manager.getToken('client-1', 'stripe')).toBeNull();
    expect(await manager.getToken('client-1', 'paypal')).toBeNull();
  });
  it('of a month outlives the day of its key, however many are stored beside it', async () => {
    const [one, other] = [await stage.open(), await stage.open()];
    await other.storeToken('client-1', 'stripe', 'short');
    await one.storeToken('client-1', 'stripe', 'long', undefined, { ttlSeconds: 30 * 24 * 3600 });
    await other.storeToken('client-1', 'stripe-2', 'short');
    stage.clock.ms += 29 * 24 * hourMs;
    expect(await other.getToken('client-1', 'stripe')).toBe('long');
  });
  it.each([
    ['', 'stripe', 'a', undefined],
    ['_system', 'stripe', 'a', undefined],
    ['client-1', 'x'.repeat(257), 'a', undefined],
    ['client-1', 'stripe', '', undefined],
    ['client-1', 'stripe', '\ud800', undefined],
    ['client-1', 'stripe', 'a', 'not an id'],
  ])('with a name or a text outside the rules is refused: %j %j', async (client, api, token, keyId) => {
    const manager = await stage.open();
    expect(await codeOf(manager.storeToken(client, api, token, keyId))).toBe('item_invalid');
  });
  it.each([0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY])(
    'does not live for %d seconds',
    async (ttlSeconds) => {
      const manager = await stage.open();
      const stored = manager.storeToken('client-1', 'stripe', 'a', undefined, { ttlSeconds });
      expect(await codeOf(stored)).toBe('item_invalid');
    },
  );
  it('is not kept by a manager that is not connected', async () => {
    const manager = await stage.open();
    await manager.disconnect();
    expect(await codeOf(manager.getToken('client-1', 'stripe'))).toBe('store_unavailable');
    await manager.connect();
    expect(await manager.getToken('client-1', 'stripe')).toBeNull();
  });
});

it('a manager that is disconnected while it connects stays so', async () => {
  const manager = await stage.open();
  await manager.disconnect();
  const connecting = manager.connect();
  await manager.disconnect();
  await connecting;
  expect(await codeOf(manager.getToken('client-1', 'stripe'))).toBe('store_unavailable');
});

describe('its key', () => {
  it('is made once for all instances, and asked for once in five minutes by each', async () => {
    const managers = await Promise.all([stage.open(), stage.open(), stage.open()]);
    const [made, asked] = [stage.provider.generated(), stage.provider.unwrapped()];
    await managers[0]?.storeToken('client-1', 'stripe', 'a', undefined, { ttlSeconds: 3600 });
    for (let round = 0; round < 20; round += 1)
      for (const manager of managers) expect(await manager.getToken('client-1', 'stripe')).toBe('a');
    expect([stage.provider.generated() - made, stage.provider.unwrapped() - asked]).toEqual([1, 2]);
    stage.clock.ms += 5.5 * minuteMs;
    for (const manager of managers) await manager.getToken('client-1', 'stripe');
    expect([stage.provider.generated() - made, stage.provider.unwrapped() - asked]).toEqual([1, 5]);
  });
  it('is asked for once by a crowd', async () => {
    const [one, other] = [await stage.open(), await stage.open()];
    await one.storeToken('client-1', 'stripe', 'a');
    const before = stage.provider.unwrapped();
    await Promise.all(Array.from({ length: 100 }, () => other.getToken('client-1', 'stripe')));
    expect(stage.provider.unwrapped() - before).toBe(1);
  });
  it('is another one after a day, and older tokens still open', async () => {
    const manager = await stage.open();
    await manager.storeToken('client-1', 'stripe', 'old', undefined, { ttlSeconds: 48 * 3600 });
    const before = stage.provider.generated();
    stage.clock.ms += 24 * hourMs;
    await manager.storeToken('client-1', 'stripe-2', 'x');
    await manager.storeToken('client-1', 'stripe', 'new');
    expect(await manager.getToken('client-1', 'stripe')).toBe('new');
    await manager.storeToken('client-2', 'stripe', 'x');
    expect(stage.provider.generated() - before).toBe(3);
  });
  it('is bound at the key service to client, provider and service', async () => {
    const manager = await stage.open({ service: 'checkout' });
    await manager.storeToken('client-1', 'stripe', 'a');
    const { tenant, purpose, details } = stage.provider.contexts.at(-1) ?? {};
    expect({ tenant, purpose, details }).toEqual({
      tenant: 'client-1',
      purpose: 'token',
      details: { client_id: 'client-1', api_provider: 'stripe', service: 'checkout' },
    });
  });
  it('that is disabled at the key service keeps tokens from being read as soon as memory has let it go', async () => {
    const manager = await stage.open();
    await manager.storeToken('client-1', 'stripe', 'a');
    await manager.storeToken('client-2', 'stripe', 'b');
    stage.provider.allow = ({ tenant }) => tenant !== 'client-1';
    expect(await manager.getToken('client-1', 'stripe')).toBe('a');
    stage.clock.ms += 5.5 * minuteMs;
    expect(await codeOf(manager.getToken('client-1', 'stripe'))).toBe('key_unavailable');
    expect(await manager.getToken('client-2', 'stripe')).toBe('b');
  });
});

describe('the journal', () => {
  it('has an entry and an outcome for each call, hit or miss, with the reader as actor', async () => {
    const owner = await stage.open({ service: 'checkout' });
    const reader = await stage.open({ service: 'reports' });
    await owner.storeToken('client-1', 'stripe', 'sk_live_4242');
    expect(await reader.getToken('client-1', 'stripe')).toBe('sk_live_4242');
    await reader.getToken('client-1', 'paypal');
    await owner.deleteToken('client-1', 'stripe');
    const told = stage.lines
      .filter(({ act }) => act !== undefined)
      .map(({ id, act, actor, tenant, obj, svc }) => {
        const { out, code } = stage.lines.find(({ cause }) => cause === id) ?? {};
        return [act, actor?.id, tenant, obj, svc, out, code].join(' ').trim();
      });
    expect(told).toEqual([
      'token.store checkout client-1 token:client-1/stripe stripe success',
      'token.get reports client-1 token:client-1/stripe stripe success',
      'token.get reports client-1 token:client-1/paypal paypal failure token_absent',
      'token.delete checkout client-1 token:client-1/stripe stripe success',
    ]);
    expect(JSON.stringify(stage.lines)).not.toContain('sk_live_4242');
  });
  it('that takes nothing lets nothing happen', async () => {
    const manager = await stage.open();
    await manager.storeToken('client-1', 'stripe', 'a');
    const broken = {
      record: () => Promise.reject(new Refusal('audit_unavailable', 'no journal')),
      outcome: () => undefined,
    };
    const other = await stage.open({ audit: broken });
    for (const act of [
      other.getToken('client-1', 'stripe'),
      other.storeToken('client-1', 'stripe', 'b'),
      other.deleteToken('client-1', 'stripe'),
      other.getOrCreate('client-2', 'stripe', () => 'c'),
    ])
      expect(await codeOf(act)).toBe('audit_unavailable');
    expect(await manager.getToken('client-1', 'stripe')).toBe('a');
    expect(await manager.getToken('client-2', 'stripe')).toBeNull();
  });
});
