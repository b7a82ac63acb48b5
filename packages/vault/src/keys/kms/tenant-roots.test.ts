import { randomBytes } from 'node:crypto';
import {
  DecryptCommand,
  DeleteAliasCommand,
  DisableKeyCommand,
  GenerateDataKeyCommand,
  GetKeyPolicyCommand,
  ScheduleKeyDeletionCommand,
  type KMSClient,
} from '@aws-sdk/client-kms';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openAudit } from '../../audit/record.ts';
import type { Receipt } from '../../receipt.ts';
import { encryptionContext } from './encryption-context.ts';
import type { KmsPeer } from './fixtures/kms-peer.ts';
import { onAws, openKmsStage, type KmsStage } from './fixtures/kms-stage.ts';
import { openKms } from './open-kms.ts';
import { identityPolicy, type PolicyScope } from './policy-text.ts';
import { tenantAlias } from './tenant-alias.ts';
import { openTenantRoots, type TenantRoots } from './tenant-roots.ts';

const service = 'sealgate';
const deployment = `d-${randomBytes(6).toString('hex')}`;
const denied = { name: 'AccessDeniedException' };
const audit = openAudit({
  journal: {
    stampMs: Date.now,
    append: async () => undefined,
    queue: async () => undefined,
    offer: () => true,
  },
});
let stage: KmsStage;
let shared: string;
let roots: TenantRoots;

beforeAll(async () => {
  stage = await openKmsStage();
  shared = await stage.makeKey();
  roots = openTenantRoots({ keyId: shared, service, deployment, ...stage.connection });
});
afterAll(async () => {
  for (const tenant of ['a', 'b', 'c', 'd', 'e', 'r'])
    await stage.client
      .send(new DeleteAliasCommand({ AliasName: tenantAlias(deployment, tenant) }))
      .catch(() => undefined);
  roots.close();
  await stage.close();
});

function receipt(tenant: string): Promise<Receipt> {
  const actor = { type: 'person', id: 'u1' } as const;
  const context = { tenant: 'g1', actor, source: 'cli', correlation: 'c-1' } as const;
  return audit.record('strict', context, { act: 'key.create', object: `key:${tenant}` });
}

function contextOf(tenant: string, changed: Record<string, string> = {}) {
  const context = { deployment, tenant, purpose: 'tenant', version: '000001', ...changed };
  return encryptionContext(context, changed['service'] ?? service);
}

const generate = (client: KMSClient, EncryptionContext: Record<string, string> | undefined, KeyId = shared) =>
  client.send(new GenerateDataKeyCommand({ KeyId, KeySpec: 'AES_256', EncryptionContext }));

describe('a key of a tenant', () => {
  test('is made once, with its alias, and found by every instance', async () => {
    expect(await roots.find('a')).toBeUndefined();
    const made = await roots.create(await receipt('a'), 'a');
    expect(made).toMatchObject({ made: true, alias: tenantAlias(deployment, 'a') });
    expect(await roots.create(await receipt('a'), 'a')).toEqual({ ...made, made: false });
    expect(await roots.find('a')).toEqual({ keyRef: made.keyRef, alias: made.alias });
    expect(await roots.shared()).toBe(shared);
    const provider = openKms({ keyId: shared, service, tenantKeys: true, ...stage.connection });
    const context = { deployment, tenant: 'a', purpose: 'tenant', version: '000001' };
    expect((await provider.generate({ tenant: 'a', context })).keyRef).toBe(made.keyRef);
    await provider.close();
  });

  test('is seen with its state, and with the day on which it is deleted once somebody orders that', async () => {
    expect(await roots.look('e')).toBeUndefined();
    const { keyRef, alias } = await roots.create(await receipt('e'), 'e');
    expect(await roots.look('e')).toEqual({ keyRef, alias, state: 'Enabled', deletedAtMs: undefined });
    await stage.client.send(new DisableKeyCommand({ KeyId: keyRef }));
    expect(await roots.look('e')).toMatchObject({ state: 'Disabled', deletedAtMs: undefined });
    const ordered = new ScheduleKeyDeletionCommand({ KeyId: keyRef, PendingWindowInDays: 7 });
    const { DeletionDate } = await stage.client.send(ordered);
    expect(await roots.look('e')).toMatchObject({
      state: 'PendingDeletion',
      deletedAtMs: DeletionDate?.getTime(),
    });
  });

  test('is one, however many make it at once; the others are scheduled for deletion', async () => {
    const receipts = await Promise.all(Array.from({ length: 4 }, () => receipt('b')));
    const all = await Promise.all(receipts.map((one) => roots.create(one, 'b')));
    expect(new Set(all.map(({ keyRef }) => keyRef)).size).toBe(1);
    expect(all.filter(({ made }) => made)).toHaveLength(1);
    if (stage.peer === undefined) return;
    const made = stage.peer.calls('CreateKey');
    // Three that were made had no rival, or won; the one of the test before was ordered to be deleted.
    expect(stage.peer.calls('ScheduleKeyDeletion')).toBe(stage.peer.calls('CreateAlias') - 3 + 1);
    expect(made).toBeGreaterThan(0);
  });

  test('is not made without an entry in the journal', async () => {
    const other = await receipt('x');
    await expect(roots.create(other, 'c')).rejects.toMatchObject({ code: 'receipt_invalid' });
    expect(await roots.find('c')).toBeUndefined();
  });

  test('serves no other tenant, whatever the caller may do', async () => {
    const { keyRef } = await roots.create(await receipt('c'), 'c');
    await generate(stage.client, contextOf('c'), keyRef);
    await expect(generate(stage.client, contextOf('b'), keyRef)).rejects.toMatchObject(denied);
    await expect(generate(stage.client, undefined, keyRef)).rejects.toMatchObject(denied);
  });
});

describe.skipIf(onAws)('the printed policies, enforced (it needs callers)', () => {
  let count = 0;
  const clientWith = (policy: object, arn?: string): KMSClient => {
    const { peer } = stage as { peer: KmsPeer };
    // The very text that is printed.
    const text = JSON.stringify(policy, undefined, 2);
    return stage.clientOf(peer.addIdentity(`role-${(count += 1)}`, JSON.parse(text) as object, arn));
  };
  const scope = (tenant: string | undefined, more: Partial<PolicyScope> = {}): PolicyScope => ({
    deployment,
    tenant,
    service,
    ...more,
  });

  test('a role of tenant A opens what is of A, and is denied B and every other context', async () => {
    const a = clientWith(identityPolicy(scope('a'), { arn: shared }));
    const made = await generate(a, contextOf('a'));
    const open = (client: KMSClient, EncryptionContext: Record<string, string>, blob = made.CiphertextBlob) =>
      client.send(new DecryptCommand({ KeyId: shared, CiphertextBlob: blob, EncryptionContext }));
    expect((await open(a, contextOf('a'))).Plaintext).toEqual(made.Plaintext);
    const b = await generate(stage.client, contextOf('b'));
    await expect(open(a, contextOf('b'), b.CiphertextBlob)).rejects.toMatchObject(denied);
    await expect(
      open(clientWith(identityPolicy(scope('b'), { arn: shared })), contextOf('a')),
    ).rejects.toMatchObject(denied);
    const { client_id: _, ...without } = contextOf('a');
    const wrong = [
      contextOf('A'),
      contextOf('a', { deployment: 'other' }),
      contextOf('a', { service: 'other' }),
      { ...contextOf('a'), more: 'x' },
      without,
      {},
    ];
    for (const context of wrong) {
      await expect(open(a, context)).rejects.toMatchObject(denied);
      await expect(generate(a, context)).rejects.toMatchObject(denied);
    }
    // Its own, in another version: that is for the ciphertext to refuse.
    await expect(open(a, contextOf('a', { version: '000002' }))).rejects.toMatchObject({
      name: 'InvalidCiphertextException',
    });
    await expect(generate(a, contextOf('a'), await stage.makeKey())).rejects.toMatchObject(denied);
  });

  test('a role that runs an instance has the keys of the instance besides, and no other tenant', async () => {
    const role = clientWith(identityPolicy(scope('a', { instance: true }), { arn: shared }));
    await generate(role, contextOf('a'));
    await generate(role, contextOf('_system'));
    await expect(generate(role, contextOf('b'))).rejects.toMatchObject(denied);
    await expect(generate(role, contextOf('_system', { service: 'other' }))).rejects.toMatchObject(denied);
  });

  test('the role of a gateway works as its provider, for its deployment alone', async () => {
    const { peer } = stage as { peer: KmsPeer };
    const own = await roots.create(await receipt('d'), 'd');
    const policy = identityPolicy(scope(undefined), {
      arn: shared,
      ownAliases: `alias/sealgate/${deployment}/*`,
    });
    const identity = peer.addIdentity('gateway', policy);
    const { credentials } = identity;
    const provider = openKms({ keyId: shared, service, tenantKeys: true, ...stage.connection, credentials });
    const request = (tenant: string, of = deployment) => ({
      tenant,
      context: { deployment: of, tenant, purpose: 'tenant', version: '000001' },
    });
    for (const tenant of ['d', 'z']) {
      const made = await provider.generate(request(tenant));
      expect(made.keyRef).toBe(tenant === 'd' ? own.keyRef : shared);
      expect(await provider.unwrap({ ...made, ...request(tenant) })).toEqual(made.plaintext);
      const moved = await provider.rewrap({ ...made, ...request(tenant) });
      const wrapped = await provider.wrap({ ...request(tenant), plaintext: randomBytes(32) });
      expect([moved.keyRef, wrapped.keyRef]).toEqual([made.keyRef, made.keyRef]);
    }
    expect(await provider.describe()).toMatchObject([{ keyRef: shared }]);
    await expect(provider.generate(request('z', 'other'))).rejects.toMatchObject({ code: 'key_unavailable' });
    await provider.close();
    const seeing = openTenantRoots({ keyId: shared, service, deployment, ...stage.connection, credentials });
    expect(await seeing.look('d')).toMatchObject({ keyRef: own.keyRef, state: 'Enabled' });
    seeing.close();
    // What a receipt of destroyed keys leaves to whoever runs KMS.
    const client = stage.clientOf(identity);
    for (const KeyId of [own.keyRef, shared])
      for (const ending of [new DisableKeyCommand({ KeyId }), new ScheduleKeyDeletionCommand({ KeyId })])
        await expect(client.send(ending as DisableKeyCommand)).rejects.toMatchObject(denied);
  });

  test('a key made for a role is used by that role alone, and by it for its tenant alone', async () => {
    const { peer } = stage as { peer: KmsPeer };
    const arn = `arn:aws:iam::${peer.account}:role/only`;
    const { keyRef } = await roots.create(await receipt('r'), 'r', arn);
    const role = clientWith({ Version: '2012-10-17', Statement: [] }, arn);
    await generate(role, contextOf('r'), keyRef);
    await expect(generate(role, contextOf('b'), keyRef)).rejects.toMatchObject(denied);
    await expect(generate(role, contextOf('r', { service: 'other' }), keyRef)).rejects.toMatchObject(denied);
    await expect(generate(stage.client, contextOf('r'), keyRef)).rejects.toMatchObject(denied);
    const { Policy } = await stage.client.send(new GetKeyPolicyCommand({ KeyId: keyRef }));
    expect(Policy).toContain(arn);
  });

  test('an id that AWS would fill in is refused', () => {
    expect(() => identityPolicy(scope('${aws:username}'), { arn: shared })).toThrow('may not hold');
  });
});
