import { Refusal } from '@sealgate/vault';
import { expect, test } from 'vitest';
import type { TenantRootSeen } from '../domain/tenant-roots.ts';
import { ownRootBackup, rootBackup, rootBackups } from './root-backups.ts';

const arn = (id: string): string => `arn:aws:kms:eu-central-1:111122223333:key/${id}`;
const own: TenantRootSeen = {
  key: arn('own'),
  alias: 'alias/sealgate/d/g1',
  state: 'Enabled',
  deletedAtMs: undefined,
};
const kms = (id: string) => ({ provider: 'kms', keyRef: arn(id) });
const nobody = { look: async () => undefined };
const has = (seen: TenantRootSeen) => ({
  look: async (tenant: string) => (tenant === 'g1' ? seen : undefined),
});

test.each(['keyring', 'env', 'passphrase', 'hkdf', 'kms', 'transit'])(
  'what ends the root key %s is said in its own words',
  (provider) => {
    const of = (name: string) => rootBackup({ provider: name, keyRef: 'k' });
    expect(of(provider).until).not.toBe(of('another').until);
  },
);

test('every root key of AWS KMS is named, a local one once, whatever it was rotated to', async () => {
  const ring = (keyRef: string) => ({ provider: 'keyring', keyRef });
  const wrappedBy = [ring('one'), ring('two'), kms('shared'), kms('older'), kms('shared')];
  const notes = await rootBackups({ tenants: ['g1'], wrappedBy }, nobody);
  expect(notes.map(({ where }) => where)).toEqual([
    'the root key',
    `the root key ${arn('shared')}`,
    `the root key ${arn('older')}`,
  ]);
});

test('the own key of a group is named with what AWS KMS says of it, once, also where nothing lay under it yet', async () => {
  const under = { tenants: ['g1'], wrappedBy: [kms('own')] };
  expect(await rootBackups(under, has(own))).toEqual([ownRootBackup(own)]);
  const { where, holds, until } = ownRootBackup(own);
  expect([where, holds]).toEqual([
    expect.stringContaining(`${own.key} (${own.alias})`),
    expect.stringMatching(/^is Enabled there; opens copies/),
  ]);
  expect(until).toMatch(/kms:DisableKey.*kms:ScheduleKeyDeletion, 7 to 30 days.*gateway did neither/);
  const beside = await rootBackups({ tenants: ['g1', 'g2'], wrappedBy: [kms('shared')] }, has(own));
  expect(beside).toEqual([ownRootBackup(own), rootBackup(kms('shared'))]);
});

test('a deletion that was ordered is said with its day', () => {
  const pending = { ...own, state: 'PendingDeletion', deletedAtMs: Date.UTC(2031, 3, 8) };
  expect(ownRootBackup(pending)).toMatchObject({
    holds: expect.stringMatching(/^is PendingDeletion there, which can be cancelled until then/),
    until: '2031-04-08T00:00:00.000Z',
  });
});

test('a key service that does not say keeps nobody from a receipt, which says so', async () => {
  const silent = { look: () => Promise.reject(new Refusal('key_unavailable', 'it does not answer')) };
  const [unasked, named] = await rootBackups({ tenants: ['g1'], wrappedBy: [kms('own')] }, silent);
  expect(unasked).toMatchObject({
    where: 'the own key of the group g1 in AWS KMS, if it has one',
    holds: expect.stringContaining('could not be looked for'),
  });
  expect(named?.where).toContain(arn('own'));
  const broken = { look: () => Promise.reject(new Error('a bug')) };
  await expect(rootBackups({ tenants: ['g1'], wrappedBy: [] }, broken)).rejects.toThrow('a bug');
});
