import { randomBytes } from 'node:crypto';
import {
  CancelKeyDeletionCommand,
  CreateAliasCommand,
  CreateKeyCommand,
  DecryptCommand,
  DeleteAliasCommand,
  DescribeKeyCommand,
  DisableKeyCommand,
  EnableKeyCommand,
  EncryptCommand,
  GenerateDataKeyCommand,
  GenerateDataKeyWithoutPlaintextCommand,
  GetKeyPolicyCommand,
  ListAliasesCommand,
  ListKeyRotationsCommand,
  ListKeysCommand,
  ListResourceTagsCommand,
  PutKeyPolicyCommand,
  ReEncryptCommand,
  RotateKeyOnDemandCommand,
  ScheduleKeyDeletionCommand,
  TagResourceCommand,
} from '@aws-sdk/client-kms';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { openKmsStage, type KmsStage } from './fixtures/kms-stage.ts';

// What of AWS KMS the tests stand on, asked through the AWS SDK. Runs unchanged on AWS: SEALGATE_TEST_KMS=aws.

const context = { client_id: 'a', purpose: 'tenant' };
let stage: KmsStage;
let key: string;
let other: string;
const names: string[] = [];
const send: KmsStage['client']['send'] = (command: never) => stage.client.send(command) as never;

beforeAll(async () => {
  stage = await openKmsStage();
  key = await stage.makeKey({ Description: 'sealgate test' });
  other = await stage.makeKey();
});
afterAll(async () => {
  for (const AliasName of names) await send(new DeleteAliasCommand({ AliasName })).catch(() => undefined);
  await stage.close();
});

/** What was changed shows at AWS within seconds; here at once. */
const soon = <T>(look: () => Promise<T>): Promise<T> => vi.waitFor(look, { timeout: 30_000, interval: 500 });

async function sealed(
  plaintext = randomBytes(32),
  KeyId = key,
  EncryptionContext: Record<string, string> = context,
) {
  const { CiphertextBlob } = await send(
    new EncryptCommand({ KeyId, Plaintext: plaintext, EncryptionContext }),
  );
  return { plaintext, CiphertextBlob: CiphertextBlob ?? Buffer.alloc(0) };
}

describe('a ciphertext', () => {
  test('opens again under its context, whatever the order of its pairs, and names its key', async () => {
    const { plaintext, CiphertextBlob } = await sealed();
    const turned = { purpose: 'tenant', client_id: 'a' };
    for (const KeyId of [key, undefined]) {
      const opened = await send(
        new DecryptCommand({ CiphertextBlob, EncryptionContext: turned, ...(KeyId && { KeyId }) }),
      );
      expect(Buffer.from(opened.Plaintext ?? [])).toEqual(plaintext);
      expect(opened.KeyId).toBe(key);
      expect(opened.EncryptionAlgorithm).toBe('SYMMETRIC_DEFAULT');
    }
  });

  test('does not open with a byte changed, or cut', async () => {
    const { CiphertextBlob } = await sealed();
    for (const at of [CiphertextBlob.length - 1, CiphertextBlob.length - 20, CiphertextBlob.length - 50]) {
      const changed = Buffer.from(CiphertextBlob);
      changed[at] = (changed[at] ?? 0) ^ 1;
      const command = new DecryptCommand({ KeyId: key, CiphertextBlob: changed, EncryptionContext: context });
      await expect(send(command)).rejects.toMatchObject({ name: 'InvalidCiphertextException' });
    }
    const cut = new DecryptCommand({
      KeyId: key,
      CiphertextBlob: CiphertextBlob.subarray(0, -1),
      EncryptionContext: context,
    });
    await expect(send(cut)).rejects.toMatchObject({ name: 'InvalidCiphertextException' });
  });

  test.each([
    ['none', {}],
    ['one pair less', { client_id: 'a' }],
    ['one pair more', { ...context, more: 'x' }],
    ['another value', { ...context, client_id: 'b' }],
    ['another case', { ...context, client_id: 'A' }],
  ])('does not open in another context: %s', async (_, EncryptionContext) => {
    const { CiphertextBlob } = await sealed();
    const command = new DecryptCommand({
      KeyId: key,
      CiphertextBlob,
      EncryptionContext: EncryptionContext as never,
    });
    await expect(send(command)).rejects.toMatchObject({ name: 'InvalidCiphertextException' });
  });

  test('of {a: "bc"} is not one of {ab: "c"}', async () => {
    const { CiphertextBlob } = await sealed(undefined, key, { a: 'bc' });
    const command = new DecryptCommand({ KeyId: key, CiphertextBlob, EncryptionContext: { ab: 'c' } });
    await expect(send(command)).rejects.toMatchObject({ name: 'InvalidCiphertextException' });
  });

  test('is not opened in the name of another key', async () => {
    const { CiphertextBlob } = await sealed();
    const command = new DecryptCommand({ KeyId: other, CiphertextBlob, EncryptionContext: context });
    await expect(send(command)).rejects.toMatchObject({ name: 'IncorrectKeyException' });
  });

  test('is moved to another key and context without being shown', async () => {
    const { plaintext, CiphertextBlob } = await sealed();
    const moved = await send(
      new ReEncryptCommand({
        CiphertextBlob,
        SourceKeyId: key,
        SourceEncryptionContext: context,
        DestinationKeyId: other,
        DestinationEncryptionContext: { client_id: 'b' },
      }),
    );
    expect([moved.SourceKeyId, moved.KeyId]).toEqual([key, other]);
    const opened = await send(
      new DecryptCommand({
        KeyId: other,
        CiphertextBlob: moved.CiphertextBlob,
        EncryptionContext: { client_id: 'b' },
      }),
    );
    expect(Buffer.from(opened.Plaintext ?? [])).toEqual(plaintext);
    const wrong = new ReEncryptCommand({
      CiphertextBlob,
      SourceEncryptionContext: {},
      DestinationKeyId: other,
    });
    await expect(send(wrong)).rejects.toMatchObject({ name: 'InvalidCiphertextException' });
  });

  test('is at most of 4096 bytes', async () => {
    const command = new EncryptCommand({ KeyId: key, Plaintext: Buffer.alloc(4097) });
    await expect(send(command)).rejects.toMatchObject({ name: 'ValidationException' });
  });
});

test('data keys are 32 random bytes, with and without plaintext', async () => {
  const made = await send(
    new GenerateDataKeyCommand({ KeyId: key, KeySpec: 'AES_256', EncryptionContext: context }),
  );
  const again = await send(
    new GenerateDataKeyCommand({ KeyId: key, KeySpec: 'AES_256', EncryptionContext: context }),
  );
  expect(made.Plaintext).toHaveLength(32);
  expect(made.Plaintext).not.toEqual(again.Plaintext);
  const opened = await send(
    new DecryptCommand({ CiphertextBlob: made.CiphertextBlob, EncryptionContext: context }),
  );
  expect(opened.Plaintext).toEqual(made.Plaintext);
  const hidden = await send(
    new GenerateDataKeyWithoutPlaintextCommand({ KeyId: key, NumberOfBytes: 16, EncryptionContext: context }),
  );
  expect(hidden).not.toHaveProperty('Plaintext');
  const shown = await send(
    new DecryptCommand({ CiphertextBlob: hidden.CiphertextBlob, EncryptionContext: context }),
  );
  expect(shown.Plaintext).toHaveLength(16);
  const both = new GenerateDataKeyCommand({ KeyId: key, KeySpec: 'AES_256', NumberOfBytes: 32 });
  await expect(send(both)).rejects.toMatchObject({ name: 'ValidationException' });
});

describe('a key', () => {
  test('is described, listed, named by an alias, and tagged', async () => {
    const { KeyMetadata } = await send(new DescribeKeyCommand({ KeyId: key }));
    expect(KeyMetadata).toMatchObject({
      Arn: key,
      KeyState: 'Enabled',
      Enabled: true,
      Description: 'sealgate test',
    });
    expect(KeyMetadata?.CreationDate).toBeInstanceOf(Date);
    expect((await send(new ListKeysCommand({ Limit: 1 }))).Keys).toHaveLength(1);
    const AliasName = `alias/sealgate-test/${randomBytes(6).toString('hex')}`;
    names.push(AliasName);
    await send(new CreateAliasCommand({ AliasName, TargetKeyId: key }));
    const named = () => send(new DescribeKeyCommand({ KeyId: AliasName }));
    expect((await soon(named)).KeyMetadata?.Arn).toBe(key);
    const again = new CreateAliasCommand({ AliasName, TargetKeyId: other });
    await expect(send(again)).rejects.toMatchObject({ name: 'AlreadyExistsException' });
    const { Aliases } = await send(new ListAliasesCommand({ KeyId: key }));
    expect(Aliases?.map((one) => one.AliasName)).toEqual([AliasName]);
    await send(new DeleteAliasCommand({ AliasName }));
    await soon(() => expect(named()).rejects.toMatchObject({ name: 'NotFoundException' }));
    await send(new TagResourceCommand({ KeyId: key, Tags: [{ TagKey: 'made-by', TagValue: 'test' }] }));
    expect((await send(new ListResourceTagsCommand({ KeyId: key }))).Tags).toEqual([
      { TagKey: 'made-by', TagValue: 'test' },
    ]);
  });

  test('that is not there is not found', async () => {
    const command = new DescribeKeyCommand({ KeyId: '00000000-0000-4000-8000-000000000000' });
    await expect(send(command)).rejects.toMatchObject({ name: 'NotFoundException' });
  });

  test('that is disabled does nothing until it is enabled', async () => {
    const { CiphertextBlob } = await sealed();
    await send(new DisableKeyCommand({ KeyId: key }));
    const refusals = [
      new EncryptCommand({ KeyId: key, Plaintext: Buffer.alloc(1) }),
      new GenerateDataKeyCommand({ KeyId: key, KeySpec: 'AES_256' }),
      new DecryptCommand({ CiphertextBlob, EncryptionContext: context }),
      new DecryptCommand({ KeyId: key, CiphertextBlob, EncryptionContext: context }),
    ];
    for (const command of refusals)
      await soon(() => expect(send(command as never)).rejects.toMatchObject({ name: 'DisabledException' }));
    expect((await send(new DescribeKeyCommand({ KeyId: key }))).KeyMetadata?.KeyState).toBe('Disabled');
    await send(new EnableKeyCommand({ KeyId: key }));
    await soon(() => send(new DecryptCommand({ CiphertextBlob, EncryptionContext: context })));
  });

  test('that awaits deletion does nothing until that is cancelled, and is disabled then', async () => {
    const { CiphertextBlob } = await sealed();
    const ended = await send(new ScheduleKeyDeletionCommand({ KeyId: key, PendingWindowInDays: 7 }));
    expect(ended.DeletionDate).toBeInstanceOf(Date);
    const command = new DecryptCommand({ CiphertextBlob, EncryptionContext: context });
    await soon(() => expect(send(command)).rejects.toMatchObject({ name: 'KMSInvalidStateException' }));
    await send(new CancelKeyDeletionCommand({ KeyId: key }));
    await soon(() => expect(send(command)).rejects.toMatchObject({ name: 'DisabledException' }));
    await send(new EnableKeyCommand({ KeyId: key }));
    await soon(() => send(command));
  });

  test('that is rotated seals under new material, and opens what is older', async () => {
    const before = await sealed();
    await send(new RotateKeyOnDemandCommand({ KeyId: other }));
    await send(new RotateKeyOnDemandCommand({ KeyId: key }));
    await expect
      .poll(async () => (await send(new ListKeyRotationsCommand({ KeyId: key }))).Rotations?.length, {
        timeout: 30_000,
      })
      .toBe(1);
    const after = await sealed();
    for (const { plaintext, CiphertextBlob } of [before, after]) {
      const opened = await send(new DecryptCommand({ CiphertextBlob, EncryptionContext: context }));
      expect(Buffer.from(opened.Plaintext ?? [])).toEqual(plaintext);
    }
  });

  test('has a policy that is given back as it was put, and none that locks everybody out', async () => {
    const { Policy = '' } = await send(new GetKeyPolicyCommand({ KeyId: other }));
    await send(new PutKeyPolicyCommand({ KeyId: other, Policy }));
    expect(JSON.parse((await send(new GetKeyPolicyCommand({ KeyId: other }))).Policy ?? '')).toEqual(
      JSON.parse(Policy),
    );
    const Statement = [{ Effect: 'Deny', Principal: '*', Action: 'kms:*', Resource: '*' }];
    const closed = JSON.stringify({ Version: '2012-10-17', Statement });
    const malformed = { name: 'MalformedPolicyDocumentException' };
    await expect(send(new CreateKeyCommand({ Policy: closed }))).rejects.toMatchObject(malformed);
    await expect(send(new PutKeyPolicyCommand({ KeyId: other, Policy: closed }))).rejects.toMatchObject(
      malformed,
    );
    await expect(send(new PutKeyPolicyCommand({ KeyId: other, Policy: '{' }))).rejects.toMatchObject(
      malformed,
    );
  });
});
