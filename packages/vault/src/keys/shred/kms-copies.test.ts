import { DeleteAliasCommand, DisableKeyCommand, ScheduleKeyDeletionCommand } from '@aws-sdk/client-kms';
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { openAudit } from '../../audit/record.ts';
import { memoryTables } from '../../store/memory/tables.ts';
import type { Tables } from '../../store/tables.ts';
import { keysOf } from '../administration.ts';
import { envKey } from '../env-key.ts';
import { receiptFor } from '../fixtures/receipt-for.ts';
import { openKmsStage } from '../kms/fixtures/kms-stage.ts';
import { openKms } from '../kms/open-kms.ts';
import { tenantAlias } from '../kms/tenant-alias.ts';
import { openTenantRoots } from '../kms/tenant-roots.ts';
import { openSealer } from '../open-sealer.ts';
import { placeOf, plainOrder, stageOn } from './fixtures/stage.ts';

const now = Date.now;
const service = 'sealgate';
const silent = { append: async () => undefined, queue: async () => undefined, offer: () => true };

/** Every row of keys, as a backup has them. */
async function copyOf(tables: Tables): Promise<Tables> {
  const copy = memoryTables({ now });
  for (const table of ['deployment', 'tenant_keys', 'data_keys'] as const)
    for (const { item } of (await tables.scan(table, { limit: 1000 })).items)
      await copy.bringIn<typeof table>(table, item);
  return copy;
}

test('of keys that were in the middle of a move the receipt names both root keys: a copy opens with either', async () => {
  const kms = await openKmsStage();
  const keyId = await kms.makeKey();
  const [root, provider] = [
    envKey(randomBytes(32).toString('hex')),
    openKms({ keyId, service, ...kms.connection }),
  ];
  const stage = stageOn(memoryTables({ now }), root);
  const sealer = await openSealer({ tables: stage.tables, provider: root, opening: [provider], now });
  const sealed = await sealer.seal('token', placeOf('g1'), Buffer.from('sk-live'));
  const work = { kind: 'move', to: 'kms', tenant: 'g1' } as const;
  const moved = await sealer.administration.work(await receiptFor('key.move', keysOf('g1')), work, {
    settleMs: 0,
  });
  expect(moved.failures).toEqual([]);
  const copy = await copyOf(stage.tables);
  const asked: object[] = [];
  const { receipt } = await stage.shredTenant(sealer, 'g1', {
    ...plainOrder,
    async forget(tables, destroyed) {
      asked.push(destroyed);
      return plainOrder.forget(tables, destroyed);
    },
  });
  const [local] = await root.describe();
  const both = [
    { provider: 'kms', keyRef: keyId },
    { provider: 'env', keyRef: local?.keyRef },
  ];
  expect(receipt.wrappedBy).toEqual(both);
  expect(asked).toEqual([{ tenants: ['g1'], wrappedBy: both }]);
  const thief = await openSealer({ tables: copy, provider: root, now });
  expect((await thief.open('token', placeOf('g1'), sealed)).toString()).toBe('sk-live');
  for (const each of [thief, sealer, provider]) await each.close();
  await kms.close();
});

test('a copy opens with the key service, and no more once the group’s own key is disabled or deleted there', async () => {
  const kms = await openKmsStage();
  const keyId = await kms.makeKey();
  const provider = openKms({ keyId, service, tenantKeys: true, ...kms.connection });
  const tables = memoryTables({ now });
  const stage = stageOn(tables, provider);
  const sealer = await stage.open();
  const { deployment } = sealer;
  const roots = openTenantRoots({ keyId, service, deployment, ...kms.connection });
  const audit = openAudit({ journal: { stampMs: now, ...silent } });
  const actor = { type: 'person', id: 'u1' } as const;
  const context = { tenant: 'g0', actor, source: 'cli', correlation: 'r1' } as const;
  const made = await audit.record('strict', context, { act: 'key.create', object: 'key:g1' });
  const { keyRef } = await roots.create(made, 'g1');
  const sealedFor = (tenant: string): Promise<Buffer> =>
    sealer.seal('token', placeOf(tenant), Buffer.from('sk-live'));
  const sealed = { g1: await sealedFor('g1'), g2: await sealedFor('g2') };
  const copy = await copyOf(tables);

  const { receipt } = await stage.shredTenant(sealer, 'g1');
  expect(receipt.wrappedBy).toEqual([{ provider: 'kms', keyRef }]);

  // Somebody with the copy and everything that the gateway may do at the key service.
  const openedBy = async (tenant: 'g1' | 'g2'): Promise<string> => {
    const thief = await stage.open(copy);
    const opened = thief.open('token', placeOf(tenant), sealed[tenant]);
    return opened.then(String, ({ code }: { code: string }) => code).finally(() => thief.close());
  };
  expect([await openedBy('g1'), await openedBy('g2')]).toEqual(['sk-live', 'sk-live']);
  await kms.client.send(new DisableKeyCommand({ KeyId: keyRef }));
  expect([await openedBy('g1'), await openedBy('g2')]).toEqual(['key_unavailable', 'sk-live']);
  await kms.client.send(new ScheduleKeyDeletionCommand({ KeyId: keyRef, PendingWindowInDays: 7 }));
  expect([await openedBy('g1'), await openedBy('g2')]).toEqual(['key_unavailable', 'sk-live']);

  await kms.client.send(new DeleteAliasCommand({ AliasName: tenantAlias(deployment, 'g1') }));
  roots.close();
  await sealer.close();
  await provider.close();
  await kms.close();
});
