import { expect, test } from 'vitest';
import { dynamoBackups } from './backups.ts';

const atMs = Date.UTC(2031, 0, 1);

test('point-in-time recovery is named with the day it ends, table by table, and only where it is on', () => {
  const [first, second, others] = dynamoBackups(['p-data_keys', 'p-tenant_keys'], atMs);
  expect(first).toMatchObject({
    where: expect.stringContaining('p-data_keys'),
    until: '2031-02-05T00:00:00.000Z',
  });
  expect(second?.where).toContain('p-tenant_keys');
  expect(others).toMatchObject({ where: expect.stringContaining('on-demand'), until: 'you delete them' });
  expect(dynamoBackups([], atMs)).toEqual([others]);
});
