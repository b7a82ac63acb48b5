import { randomBytes } from 'node:crypto';
import { DisableKeyCommand, EncryptCommand, RotateKeyOnDemandCommand } from '@aws-sdk/client-kms';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { keyProviderContract } from '../provider-contract.ts';
import { onAws, openKmsStage, type KmsStage } from './fixtures/kms-stage.ts';
import { encryptionContext } from './encryption-context.ts';
import { openKms, type KmsOptions } from './open-kms.ts';
import { tenantAlias } from './tenant-alias.ts';

const context = { deployment: 'd-1', tenant: 't-1', purpose: 'tenant', version: '000001' };
const request = { tenant: 't-1', context };
let stage: KmsStage;

beforeAll(async () => {
  stage = await openKmsStage();
});
afterAll(() => stage.close());

async function open(options: Partial<KmsOptions> = {}) {
  return openKms({ keyId: await stage.makeKey(), service: 'sealgate', ...stage.connection, ...options });
}

/** A key of its own for a tenant of a deployment that nobody else has. */
async function ownKey(tenant = 't-1') {
  const deployment = `d-${randomBytes(6).toString('hex')}`;
  const AliasName = tenantAlias(deployment, tenant);
  const TargetKeyId = await stage.makeKey();
  await stage.nameKey(AliasName, TargetKeyId);
  return { keyRef: TargetKeyId, request: { tenant, context: { ...context, deployment, tenant } } };
}

describe('the provider kms', () => {
  test.each(keyProviderContract)('$name', ({ run }) => run(open));
});
describe.skipIf(onAws)('the provider kms with keys of tenants (it makes many keys)', () => {
  test.each(keyProviderContract)('$name', ({ run }) => run(() => open({ tenantKeys: true })));
});

test('takes its key by ARN, id and alias, and calls it by its ARN', async () => {
  const arn = await stage.makeKey();
  const AliasName = `alias/sealgate-test/${randomBytes(6).toString('hex')}`;
  await stage.nameKey(AliasName, arn);
  const made = await (await open({ keyId: arn })).generate(request);
  for (const keyId of [arn, arn.replace(/.*\//, ''), AliasName]) {
    const provider = await open({ keyId });
    expect((await provider.describe())[0]?.keyRef).toBe(arn);
    expect(await provider.unwrap({ ...made, ...request })).toEqual(made.plaintext);
    await provider.close();
  }
});

test('moves a wrapped key to the newest material of a key that was rotated', async () => {
  const arn = await stage.makeKey();
  const provider = await open({ keyId: arn });
  const made = await provider.generate(request);
  await stage.client.send(new RotateKeyOnDemandCommand({ KeyId: arn }));
  expect(await provider.unwrap({ ...made, ...request })).toEqual(made.plaintext);
  const moved = await provider.rewrap({ ...made, ...request });
  expect(await provider.unwrap({ ...moved, ...request })).toEqual(made.plaintext);
});

test('does not open with another service', async () => {
  const keyId = await stage.makeKey();
  const made = await (await open({ keyId })).generate(request);
  const other = await open({ keyId, service: 'other' });
  await expect(other.unwrap({ ...made, ...request })).rejects.toMatchObject({ code: 'open_failed' });
});

describe('the encryption context', () => {
  test('is opaque ids, and the details, which may say client_id and service', () => {
    expect(encryptionContext(context, 's')).toEqual({
      client_id: 't-1',
      deployment: 'd-1',
      purpose: 'tenant',
      service: 's',
      version: '000001',
    });
    const details = { client_id: 'c-1', api_provider: 'crm', service: 'tokens' };
    expect(encryptionContext({ ...context, details }, 's')).toEqual({
      ...details,
      deployment: 'd-1',
      purpose: 'tenant',
      tenant: 't-1',
      version: '000001',
    });
  });

  test.each(['deployment', 'purpose', 'tenant', 'version'])('takes no detail called %s', async (name) => {
    const provider = await open();
    const details = { [name]: 'x' };
    await expect(
      provider.generate({ tenant: 't-1', context: { ...context, details } }),
    ).rejects.toMatchObject({
      code: 'context_invalid',
    });
  });

  test('is what CloudTrail says of every use', async () => {
    const provider = await open();
    const made = await provider.generate(request);
    await provider.unwrap({ ...made, ...request });
    if (stage.peer === undefined) return;
    const last = stage.peer.events
      .slice(-2)
      .map((event) => [event.eventName, event.requestParameters['encryptionContext']]);
    const said = encryptionContext(context, 'sealgate');
    expect(last).toEqual([
      ['GenerateDataKey', said],
      ['Decrypt', said],
    ]);
    expect(JSON.stringify(stage.peer.events)).not.toContain(made.plaintext.toString('base64'));
  });
});

describe('a tenant with a key of its own', () => {
  test('has its keys made and wrapped under it, and others under the one of all', async () => {
    const own = await ownKey();
    const keyId = await stage.makeKey();
    const provider = await open({ keyId, tenantKeys: true });
    const made = await provider.generate(own.request);
    const wrapped = await provider.wrap({ ...own.request, plaintext: randomBytes(32) });
    const other = { tenant: 't-2', context: { ...own.request.context, tenant: 't-2' } };
    expect([made.keyRef, wrapped.keyRef]).toEqual([own.keyRef, own.keyRef]);
    expect((await provider.generate(other)).keyRef).toBe(keyId);
    expect(await provider.unwrap({ ...made, ...own.request })).toEqual(made.plaintext);
  });

  test('has older keys moved to it', async () => {
    const own = await ownKey();
    const keyId = await stage.makeKey();
    const made = await (await open({ keyId })).generate(own.request);
    expect(made.keyRef).toBe(keyId);
    const provider = await open({ keyId, tenantKeys: true });
    expect(await provider.unwrap({ ...made, ...own.request })).toEqual(made.plaintext);
    const moved = await provider.rewrap({ ...made, ...own.request });
    expect(moved.keyRef).toBe(own.keyRef);
    expect(await provider.unwrap({ ...moved, ...own.request })).toEqual(made.plaintext);
  });

  test('does not fall back to the one of all when its own is disabled', async () => {
    const own = await ownKey();
    const provider = await open({ tenantKeys: true });
    const made = await provider.generate(own.request);
    await stage.client.send(new DisableKeyCommand({ KeyId: own.keyRef }));
    const unavailable = { code: 'key_unavailable', message: 'the root key is disabled at the key service' };
    const soon = { timeout: 30_000, interval: 500 };
    await vi.waitFor(() => expect(provider.generate(own.request)).rejects.toMatchObject(unavailable), soon);
    const opened = () => provider.unwrap({ ...made, ...own.request });
    await vi.waitFor(() => expect(opened()).rejects.toMatchObject(unavailable), soon);
  });

  test('lends its key to no other tenant, and a row can bring in no key of somebody else', async () => {
    const own = await ownKey();
    const stranger = await stage.makeKey();
    const provider = await open({ tenantKeys: true });
    const EncryptionContext = encryptionContext(own.request.context, 'sealgate');
    const { CiphertextBlob: wrapped = Buffer.alloc(0) } = await stage.client.send(
      new EncryptCommand({ KeyId: stranger, Plaintext: randomBytes(32), EncryptionContext }),
    );
    const planted = { keyRef: stranger, wrapped };
    await expect(provider.unwrap({ ...planted, ...own.request })).rejects.toMatchObject({
      code: 'open_failed',
    });
    await expect(provider.generate({ ...own.request, keyRef: stranger })).rejects.toMatchObject({
      code: 'key_unavailable',
    });
    const other = { tenant: 't-2', context: { ...own.request.context, tenant: 't-2' } };
    await expect(provider.generate({ ...other, keyRef: own.keyRef })).rejects.toMatchObject({
      code: 'key_unavailable',
    });
    const without = await open();
    await expect(without.unwrap({ ...planted, ...own.request })).rejects.toMatchObject({
      code: 'key_unavailable',
    });
  });

  test('has an alias that no other tenant has, of letters that KMS takes', () => {
    const names = ['a', 'a/b', 'a_b', 'a_2fb', 'ä', '_system', 'A', 'a.b'];
    const all = names.map((tenant) => tenantAlias('d-1', tenant));
    expect(new Set(all).size).toBe(names.length);
    for (const alias of all) expect(alias).toMatch(/^alias\/sealgate\/d-1\/[\w-]+$/);
    expect(() => tenantAlias('d-1', 'x'.repeat(300))).toThrow('too long');
  });
});

test('takes the key that a request names where that is allowed, and calls it by its ARN', async () => {
  const named = await stage.makeKey();
  const AliasName = `alias/sealgate-test/${randomBytes(6).toString('hex')}`;
  await stage.nameKey(AliasName, named);
  const provider = await open({ namedKeys: true });
  for (const keyRef of [named, named.replace(/.*\//, ''), AliasName]) {
    const made = await provider.generate({ ...request, keyRef });
    expect(made.keyRef).toBe(named);
    expect(await provider.unwrap({ ...made, ...request })).toEqual(made.plaintext);
    expect((await provider.wrap({ ...request, keyRef, plaintext: made.plaintext })).keyRef).toBe(named);
  }
  expect((await provider.generate(request)).keyRef).not.toBe(named);
  const nobody = { ...request, keyRef: 'alias/sealgate-test/nobody' };
  await expect(provider.generate(nobody)).rejects.toMatchObject({ code: 'key_unavailable' });
  const without = await open();
  await expect(without.generate({ ...request, keyRef: named })).rejects.toMatchObject({
    code: 'key_unavailable',
  });
});

describe.skipIf(onAws)('a KMS that does not work (it needs faults)', () => {
  const ends = [
    ['throttles', { kind: 'throttle' }, 'the key service is overloaded'],
    ['fails', { kind: 'fail' }, 'the key service does not answer'],
    ['is silent', { kind: 'hang' }, 'the key service does not answer in time'],
    ['cuts connections', { kind: 'cut' }, /^the key service does not answer/],
  ] as const;
  test.each(ends)('that %s is key_unavailable, and says nothing of the key', async (_, fault, message) => {
    const provider = await open(fault.kind === 'hang' ? { patienceMs: 1000 } : {});
    const made = await provider.generate(request);
    stage.peer?.faults.push(fault);
    const whole = { ...made, ...request };
    const answers = await Promise.allSettled([
      provider.generate(request),
      provider.unwrap(whole),
      provider.rewrap(whole),
    ]);
    stage.peer?.faults.splice(0);
    const reason = { code: 'key_unavailable', message: expect.stringMatching(message) };
    for (const answer of answers) expect(answer).toMatchObject({ status: 'rejected', reason });
    expect(await provider.unwrap(whole)).toEqual(made.plaintext);
  });

  test('is asked three times at most', async () => {
    const provider = await open();
    const before = stage.peer?.calls() ?? 0;
    stage.peer?.faults.push({ kind: 'fail' });
    await expect(provider.generate(request)).rejects.toMatchObject({ code: 'key_unavailable' });
    stage.peer?.faults.splice(0);
    expect((stage.peer?.calls() ?? 0) - before).toBe(3);
  });

  test('is outlived when it throttles for a moment', async () => {
    const provider = await open();
    stage.peer?.faults.push({ kind: 'throttle', times: 2 });
    expect((await provider.generate(request)).plaintext).toHaveLength(32);
  });

  test('that is down is key_unavailable, and used again when it is back', async () => {
    const provider = await open({ patienceMs: 1500 });
    const made = await provider.generate(request);
    await stage.peer?.stop();
    await expect(provider.unwrap({ ...made, ...request })).rejects.toMatchObject({ code: 'key_unavailable' });
    await stage.peer?.resume();
    expect(await provider.unwrap({ ...made, ...request })).toEqual(made.plaintext);
  });

  test('that denies says so, and gives no name away', async () => {
    const { peer } = stage;
    if (peer === undefined) return;
    const { credentials } = peer.addIdentity('nobody', {
      Version: '2012-10-17',
      Statement: [{ Effect: 'Deny', Action: '*', Resource: '*' }],
    });
    const provider = await open({ credentials });
    const denied = { code: 'key_unavailable', message: 'the key service denies access to the root key' };
    await expect(provider.generate(request)).rejects.toMatchObject(denied);
  });
});
