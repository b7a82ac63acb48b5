import { randomBytes } from 'node:crypto';
import { envKey, keyLifeSeconds, memoryTables, openSealer, type Place } from '@sealgate/vault';
import { describe, expect, test } from 'vitest';
import { callsADay, costOf, listPrices, type Usage } from './cost.ts';

const usage: Usage = {
  clients: 100,
  operationsADay: 1_000_000,
  instances: 1,
  ownKeys: false,
  redisNodes: 1,
  keyLifeSeconds,
  saving: undefined,
};

describe('an estimate', () => {
  test('adds up, line by line', () => {
    const { lines, usd, saving } = costOf(
      { ...usage, saving: 0.95, ownKeys: true, redisNodes: 2 },
      listPrices,
    );
    // 101 keys; 50,000 calls a day are 1,520,833 a month, 20,000 of them free; two nodes for 730 hours.
    expect(lines.map((line) => Number(line.usd.toFixed(2)))).toEqual([101, 4.5, 46.72]);
    expect(usd).toBeCloseTo(152.22, 2);
    expect(saving).toBeCloseTo(0.95, 9);
    expect(lines[1]?.how).toBe(
      '50,000 calls for 1,000,000 operations a day (95.0 % saved); 1,520,833 a month less 20,000 free, 0.03 USD for 10,000',
    );
  });

  test('takes other prices, and costs nothing for calls that are free', () => {
    const prices = { keyMonth: 2, calls10k: 1, freeCalls: 10_000_000, redisNodeHour: 0 };
    expect(costOf(usage, prices).usd).toBe(2);
    expect(costOf({ ...usage, operationsADay: 0 }, listPrices)).toMatchObject({ saving: 0 });
  });

  test('saves over 97 % of the calls on one instance, and less on each further one', () => {
    const saving = (instances: number) => costOf({ ...usage, instances }, listPrices).saving;
    expect(saving(1)).toBeGreaterThan(0.97);
    expect(saving(3)).toBeLessThan(saving(2));
    expect(costOf(usage, listPrices).usdWithoutCache).toBeGreaterThan(90);
  });
});

test('the calls that are estimated are those that are counted', async () => {
  const clients = 20;
  const days = 0.25;
  const clock = { nowMs: 1_700_000_000_000 };
  const now = () => clock.nowMs;
  const provider = envKey(randomBytes(32).toString('hex'));
  let calls = 0;
  const counting = {
    ...provider,
    unwrap: (request: Parameters<typeof provider.unwrap>[0]) => ((calls += 1), provider.unwrap(request)),
  };
  const sealer = await openSealer({ tables: memoryTables({ now }), provider: counting, now });
  const place = (tenant: string): Place => ({
    tenant,
    subject: '',
    table: 't',
    record: 'r',
    field: 'f',
    epoch: 0,
  });
  const tenants = Array.from({ length: clients }, (_, at) => `client-${at}`);
  const sealed = new Map<string, Buffer>();
  for (const tenant of tenants)
    sealed.set(tenant, await sealer.seal('token', place(tenant), Buffer.from('x')));
  calls = 0;
  let seed = 1;
  const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  // As many a client as 100 of them have at a million a day, one after the other, at random.
  const operationsADay = clients * 10_000;
  for (let count = 0; count < operationsADay * days; count += 1) {
    clock.nowMs += (-Math.log(random()) * 86_400_000) / operationsADay;
    const tenant = tenants[Math.floor(random() * clients)] ?? '';
    await sealer.open('token', place(tenant), sealed.get(tenant) ?? Buffer.alloc(0));
  }
  await sealer.close();
  const estimated = callsADay({ ...usage, clients, operationsADay }) * days;
  expect(Math.abs(calls / estimated - 1)).toBeLessThan(0.05);
});
