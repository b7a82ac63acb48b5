import type { LogArchive, PublishedLog } from '@sealgate/vault';
import { expect, test } from 'vitest';
import { wholeLog } from './whole-log.ts';

const files = (all: Readonly<Record<string, string>>): PublishedLog => ({
  read: async (path) => (Object.hasOwn(all, path) ? Buffer.from(all[path]!) : undefined),
});
const atHand = files({
  'root/checkpoint': 'root',
  'logs/g1/202611/checkpoint': 'at hand',
  'logs/g2/202611/checkpoint': 'of another',
});
const older = files({
  'logs/g1/202509/checkpoint': 'archived',
  'logs/g1/202611/checkpoint': 'older copy',
  'logs/g2/202509/checkpoint': 'of another',
});
const parts = {
  auditLog: {
    catchUp: async () => undefined,
    log: async () => ({ source: () => atHand }) as never,
    former: () => Promise.reject(new Error('not asked for')),
  },
  auditArchive: { archived: async () => older as LogArchive },
};
const textOf = async (tenant: string | undefined, path: string): Promise<string | undefined> =>
  (await (await wholeLog(parts, tenant)).read(path))?.toString();

test('what is not at hand any more is read in the archive', async () => {
  expect(await textOf(undefined, 'logs/g1/202509/checkpoint')).toBe('archived');
  expect(await textOf(undefined, 'logs/g1/202611/checkpoint')).toBe('at hand');
  expect(await textOf(undefined, 'logs/g1/202401/checkpoint')).toBeUndefined();
});

test('a tenant’s part has nothing of another in the archive either', async () => {
  expect(await textOf('g1', 'logs/g1/202509/checkpoint')).toBe('archived');
  for (const path of ['logs/g2/202509/checkpoint', 'logs/g2/202611/checkpoint', 'root/checkpoint'])
    expect(await textOf('g1', path)).toBeUndefined();
});
