import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { memoryRecords } from '../store/memory/records.ts';
import { oneKeySealer } from '../testing/one-key-sealer.ts';
import { recentNames } from './recent-names.ts';
import { sealedRecords } from './sealed-records.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function counted() {
  const names = recentNames(oneKeySealer());
  let made = 0;
  return { ask: (text: string) => names.get(text, () => `${text}!${(made += 1)}`), made: () => made };
}

test('a name that is in use is made once', () => {
  const { ask, made } = counted();
  for (let n = 0; n < 10; n += 1) {
    expect(ask('a')).toBe('a!1');
    vi.advanceTimersByTime(29_000);
  }
  expect(made()).toBe(1);
});

test('a minute after its last use a name is gone, also when nobody asks for another', () => {
  const { ask, made } = counted();
  ask('a');
  vi.advanceTimersByTime(60_000);
  expect(vi.getTimerCount()).toBeLessThanOrEqual(1);
  ask('a');
  expect(made()).toBe(2);
  vi.advanceTimersByTime(120_000);
  expect(vi.getTimerCount()).toBe(0);
});

test('no more than 2,048 are kept, those in use among them', () => {
  const { ask, made } = counted();
  for (let n = 0; n < 10_000; n += 1) {
    ask(`n${n}`);
    ask('in use');
  }
  expect(made()).toBe(10_001);
  ask('n7000');
  expect(made()).toBe(10_002);
});

test('records of another table, tenant, subject or sealer have other names', async () => {
  const [names, sealer] = [new Set<string>(), oneKeySealer()];
  const inner = memoryRecords({ now: () => 0 });
  const put = inner.put.bind(inner);
  const spied = {
    ...inner,
    put: (...all: Parameters<typeof put>) => (names.add(all[0].split('.')[1] ?? ''), put(...all)),
  };
  const sealing = { kind: 'record', table: 't', tenant: 'g' } as const;
  const others = [
    sealedRecords(spied, sealer, sealing),
    sealedRecords(spied, sealer, { ...sealing, table: 'u' }),
    sealedRecords(spied, sealer, { ...sealing, tenant: 'h' }),
    sealedRecords(spied, sealer, { ...sealing, subject: 's' }),
    sealedRecords(spied, oneKeySealer(), sealing),
  ];
  for (let round = 0; round < 2; round += 1)
    for (const records of others) await records.put('name', Buffer.from('x'), { endsAtMs: 1 });
  expect(names.size).toBe(5);
});
