import { memoryTables, openAudit, type Tables } from '@sealgate/vault';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { openAuditZones, tenantObject, type AuditZones } from './audit-zones.ts';

let tables: Tables;
const opened: AuditZones[] = [];
const foreign = vi.fn<() => void>();
beforeEach(() => {
  tables = memoryTables({ now: Date.now });
  foreign.mockClear();
});
afterEach(() => {
  for (const zones of opened.splice(0)) zones.close();
});

async function open(): Promise<AuditZones> {
  const mark = (text: string): string => `mark of ${text}`;
  const zones = await openAuditZones({ tables, fallback: 'UTC', mark, foreign, failed: () => undefined });
  opened.push(zones);
  return zones;
}

const silent = { stampMs: Date.now, append: async () => undefined, queue: async () => undefined };
const audit = openAudit({ journal: { ...silent, offer: () => true } });
const allowed = (tenant: string) =>
  audit.record(
    'strict',
    { tenant, actor: { type: 'system', id: 'test' }, source: 'cli', correlation: 'r' },
    { act: 'tenant.set', object: tenantObject(tenant) },
  );

test('a group has the zone of the deployment until it is given one, and again when that is taken back', async () => {
  const zones = await open();
  expect(zones.zoneOf('g1')).toBe('UTC');
  await zones.set(await allowed('g1'), 'g1', 'Europe/Berlin');
  expect([zones.zoneOf('g1'), zones.zoneOf('g2')]).toEqual(['Europe/Berlin', 'UTC']);
  await zones.set(await allowed('g1'), 'g1', undefined);
  expect(zones.zoneOf('g1')).toBe('UTC');
});

test('what was set is there after a start, and what two instances set at once is both there', async () => {
  const [one, other] = [await open(), await open()];
  await Promise.all([
    allowed('g1').then((receipt) => one.set(receipt, 'g1', 'Europe/Berlin')),
    allowed('g2').then((receipt) => other.set(receipt, 'g2', 'Asia/Kathmandu')),
  ]);
  const later = await open();
  expect([later.zoneOf('g1'), later.zoneOf('g2')]).toEqual(['Europe/Berlin', 'Asia/Kathmandu']);
});

test('whoever writes the table cannot turn the clock', async () => {
  const zones = await open();
  await zones.set(await allowed('g1'), 'g1', 'Europe/Berlin');
  const key = { settingKey: '_system#audit-zones' };
  const { item } = (await tables.get('settings', key))!;
  await tables.put('settings', { ...item, ...key, zones: '[["g1","Pacific/Auckland"]]' });
  const later = await open();
  expect(later.zoneOf('g1')).toBe('UTC');
  expect(foreign).toHaveBeenCalledOnce();
});

test('an unknown zone is refused, and a receipt for another group', async () => {
  const zones = await open();
  const attempts = [
    [await allowed('g1'), 'Mars/Base', 'request_invalid'],
    [await allowed('g2'), 'Europe/Berlin', 'receipt_invalid'],
  ] as const;
  for (const [receipt, zone, code] of attempts)
    await expect(zones.set(receipt, 'g1', zone)).rejects.toMatchObject({ code });
  expect(zones.zoneOf('g1')).toBe('UTC');
});
