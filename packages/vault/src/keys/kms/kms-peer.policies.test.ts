import {
  CreateAliasCommand,
  CreateKeyCommand,
  DecryptCommand,
  DescribeKeyCommand,
  DisableKeyCommand,
  EncryptCommand,
  GenerateDataKeyCommand,
  KMSClient,
  ListKeysCommand,
  PutKeyPolicyCommand,
  ReEncryptCommand,
  ScheduleKeyDeletionCommand,
} from '@aws-sdk/client-kms';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KmsPeer, PeerIdentity } from './fixtures/kms-peer.ts';
import { onAws, openKmsStage, type KmsStage } from './fixtures/kms-stage.ts';

// Who may do what, who is believed, and what happens when nothing works. On AWS this is left out: it needs further
// callers, and faults.

const denied = { name: 'AccessDeniedException' };
const a = { client_id: 'a', purpose: 'tenant' };

describe.skipIf(onAws)('on the peer alone (it needs callers and faults)', () => {
  let stage: KmsStage;
  let peer: KmsPeer;
  let key: string;
  let other: string;
  let count = 0;

  beforeAll(async () => {
    stage = await openKmsStage();
    if (stage.peer === undefined) throw new Error('no peer');
    peer = stage.peer;
    key = await stage.makeKey();
    other = await stage.makeKey();
  });
  afterAll(() => stage.close());

  const who = (...Statement: object[]): { client: KMSClient; identity: PeerIdentity } => {
    const identity = peer.addIdentity(`user-${(count += 1)}`, { Version: '2012-10-17', Statement });
    return { client: stage.clientOf(identity), identity };
  };
  const allow = (Action: string | string[], Condition: object = {}, Resource = key): object => ({
    Effect: 'Allow',
    Action,
    Resource,
    Condition,
  });
  const encrypt = (client: KMSClient, EncryptionContext: Record<string, string> = a, KeyId = key) =>
    client.send(new EncryptCommand({ KeyId, Plaintext: Buffer.from('x'), EncryptionContext }));

  describe('a policy', () => {
    test('lets nobody do what it does not name', async () => {
      const { client } = who(allow('kms:Encrypt'));
      const { CiphertextBlob } = await encrypt(client);
      const opening = new DecryptCommand({ KeyId: key, CiphertextBlob, EncryptionContext: a });
      await expect(client.send(opening)).rejects.toMatchObject(denied);
      await expect(encrypt(client, a, other)).rejects.toMatchObject(denied);
      await expect(client.send(new ListKeysCommand())).rejects.toMatchObject(denied);
      await expect(client.send(new CreateKeyCommand())).rejects.toMatchObject(denied);
      await expect(client.send(new DescribeKeyCommand({ KeyId: 'nobody' }))).rejects.toMatchObject(denied);
    });

    test('denies whatever else allows it', async () => {
      const { client } = who(allow('kms:*', {}, '*'), {
        Effect: 'Deny',
        Action: 'kms:Encrypt',
        Resource: '*',
        Condition: { StringNotEquals: { 'kms:EncryptionContext:client_id': 'a' } },
      });
      await encrypt(client);
      await expect(encrypt(client, { client_id: 'b' })).rejects.toMatchObject(denied);
      await expect(encrypt(client, {})).rejects.toMatchObject(denied);
    });

    test.each<[string, object, Record<string, string>[], Record<string, string>[]]>([
      [
        'StringEquals',
        { StringEquals: { 'kms:EncryptionContext:client_id': ['a', 'b'] } },
        [a, { client_id: 'b' }],
        [{}, { client_id: 'c' }, { client_id: 'A' }, { other: 'a' }],
      ],
      [
        'StringLike',
        { StringLike: { 'kms:EncryptionContext:client_id': 'a-*.?' } },
        [{ client_id: 'a-1.x' }],
        [{ client_id: 'a-1xx' }, { client_id: 'b-1.x' }, { client_id: 'a-1.' }],
      ],
      [
        'ForAllValues over the names of the pairs, which an empty context meets',
        { 'ForAllValues:StringEquals': { 'kms:EncryptionContextKeys': ['client_id', 'purpose'] } },
        [a, { purpose: 'x' }, {}],
        [{ ...a, more: 'x' }],
      ],
      [
        'ForAnyValue over the names of the pairs',
        { 'ForAnyValue:StringEquals': { 'kms:EncryptionContextKeys': ['client_id'] } },
        [a],
        [{}, { purpose: 'x' }],
      ],
      ['Null', { Null: { 'kms:EncryptionContext:client_id': 'false' } }, [a], [{}, { purpose: 'x' }]],
      [
        'IfExists',
        { StringEqualsIfExists: { 'kms:EncryptionContext:client_id': 'a' } },
        [a, {}],
        [{ client_id: 'b' }],
      ],
      [
        'two conditions, both of which must hold',
        {
          StringEquals: { 'kms:EncryptionContext:client_id': 'a', 'kms:EncryptionContext:purpose': 'tenant' },
        },
        [a],
        [{ client_id: 'a' }, { purpose: 'tenant' }],
      ],
    ])('condition %s', async (_, condition, fine, wrong) => {
      const { client } = who(allow('kms:Encrypt', condition));
      for (const context of fine) await encrypt(client, context);
      for (const context of wrong) await expect(encrypt(client, context)).rejects.toMatchObject(denied);
    });

    test('looks at both contexts when a ciphertext is moved', async () => {
      const only = (client_id: string) => ({
        StringEquals: { 'kms:EncryptionContext:client_id': client_id },
      });
      const { client } = who(
        allow('kms:ReEncryptFrom', only('a')),
        allow('kms:ReEncryptTo', only('b'), other),
      );
      const { CiphertextBlob } = await encrypt(stage.client);
      const move = (to: string, SourceEncryptionContext = a) =>
        client.send(
          new ReEncryptCommand({
            CiphertextBlob,
            SourceEncryptionContext,
            DestinationKeyId: other,
            DestinationEncryptionContext: { client_id: to },
          }),
        );
      await move('b');
      await expect(move('c')).rejects.toMatchObject(denied);
      await expect(move('b', { ...a, client_id: 'c' })).rejects.toMatchObject(denied);
    });

    test('of the key counts for the account alone when it names the account, and for a caller when it names one', async () => {
      const named = who();
      const unnamed = who(allow('kms:*', {}, '*'));
      const Statement = [
        { Effect: 'Allow', Principal: { AWS: peer.admin.arn }, Action: 'kms:*', Resource: '*' },
        { Effect: 'Allow', Principal: { AWS: [named.identity.arn] }, Action: 'kms:Encrypt', Resource: '*' },
      ];
      const own = await stage.makeKey({ Policy: JSON.stringify({ Version: '2012-10-17', Statement }) });
      await encrypt(named.client, a, own);
      await expect(encrypt(unnamed.client, a, own)).rejects.toMatchObject(denied);
      await encrypt(unnamed.client);
      const closed = [...Statement, { Effect: 'Deny', Principal: '*', Action: 'kms:Encrypt', Resource: '*' }];
      const Policy = JSON.stringify({ Version: '2012-10-17', Statement: closed });
      await stage.client.send(new PutKeyPolicyCommand({ KeyId: own, Policy }));
      await expect(encrypt(named.client, a, own)).rejects.toMatchObject(denied);
    });

    test('that is changed holds from the next call on, and one with an unknown operator is refused', async () => {
      const { client, identity } = who(allow('kms:Encrypt'));
      await encrypt(client);
      identity.setPolicy({ Version: '2012-10-17', Statement: [allow('kms:Decrypt')] });
      await expect(encrypt(client)).rejects.toMatchObject(denied);
      expect(() => who(allow('kms:*', { StringSomehow: { x: 'y' } }))).toThrow('not understood');
    });

    test('can go by the alias that a request names', async () => {
      const AliasName = 'alias/by-this-name';
      await stage.client.send(new CreateAliasCommand({ AliasName, TargetKeyId: key }));
      const { client } = who(allow('kms:Encrypt', { StringLike: { 'kms:RequestAlias': 'alias/by-*' } }));
      await encrypt(client, a, AliasName);
      await expect(encrypt(client)).rejects.toMatchObject(denied);
    });
  });

  describe('a signature', () => {
    const clientAs = (config: object) => {
      const { credentials } = peer.admin;
      return new KMSClient({
        endpoint: peer.endpoint,
        region: peer.region,
        credentials,
        maxAttempts: 1,
        ...config,
      });
    };
    test.each([
      [
        'a wrong secret',
        (c: PeerIdentity['credentials']) => ({ credentials: { ...c, secretAccessKey: 'wrong' } }),
        'InvalidSignatureException',
      ],
      [
        'an unknown key',
        () => ({ credentials: { accessKeyId: 'AKIANOBODY', secretAccessKey: 'x' } }),
        'UnrecognizedClientException',
      ],
      [
        'a token nobody gave',
        (c: PeerIdentity['credentials']) => ({ credentials: { ...c, sessionToken: 'x' } }),
        'UnrecognizedClientException',
      ],
      ['another region', () => ({ region: 'us-east-1' }), 'InvalidSignatureException'],
    ])('with %s is refused', async (_, config, name) => {
      const client = clientAs(config(peer.admin.credentials));
      await expect(encrypt(client)).rejects.toMatchObject({ name });
      client.destroy();
    });

    test('of another time, of another body, or none at all is refused', async () => {
      const late = clientAs({ systemClockOffset: -10 * 60_000 });
      await expect(encrypt(late)).rejects.toMatchObject({ name: 'InvalidSignatureException' });
      late.destroy();
      const post = (init: RequestInit) => fetch(peer.endpoint, { method: 'POST', ...init });
      const unsigned = await post({ body: '{}', headers: { 'x-amz-target': 'TrentService.ListKeys' } });
      expect([unsigned.status, await unsigned.json()]).toMatchObject([
        400,
        { __type: 'MissingAuthenticationTokenException' },
      ]);
      let seen: { headers: Record<string, string>; body: string } | undefined;
      stage.client.middlewareStack.add(
        (next) => async (args) => {
          const { headers, body } = args.request as { headers: Record<string, string>; body: Uint8Array };
          seen = { headers, body: new TextDecoder().decode(body) };
          return next(args);
        },
        { step: 'finalizeRequest', priority: 'low', name: 'see' },
      );
      await encrypt(stage.client);
      stage.client.middlewareStack.remove('see');
      const { host: _, ...headers } = seen?.headers ?? {};
      expect((await post({ headers, body: seen?.body ?? '' })).status).toBe(200);
      const changed = await post({ headers, body: (seen?.body ?? '').replace('client_id', 'client_ix') });
      expect(await changed.json()).toMatchObject({ __type: 'InvalidSignatureException' });
    });
  });

  describe('a fault', () => {
    const quick = () => new GenerateDataKeyCommand({ KeyId: key, KeySpec: 'AES_256', EncryptionContext: a });
    test('is a throttle, a failure, silence, or a connection that is cut, for as many calls as asked', async () => {
      peer.faults.push({ kind: 'throttle', times: 1, operation: 'GenerateDataKey' });
      await encrypt(stage.client);
      await expect(stage.client.send(quick())).rejects.toMatchObject({ name: 'ThrottlingException' });
      await stage.client.send(quick());
      peer.faults.push({ kind: 'fail', times: 1 });
      await expect(stage.client.send(quick())).rejects.toMatchObject({
        name: 'KMSInternalException',
        $metadata: { httpStatusCode: 500 },
      });
      peer.faults.push({ kind: 'cut', times: 1 });
      await expect(stage.client.send(quick())).rejects.toMatchObject({ code: 'ECONNRESET' });
      peer.faults.push({ kind: 'hang', times: 1 });
      const abortSignal = AbortSignal.timeout(200);
      await expect(stage.client.send(quick(), { abortSignal })).rejects.toMatchObject({ name: 'AbortError' });
      peer.faults.push({ kind: 'slow', times: 1, delayMs: 20 });
      await stage.client.send(quick());
    });

    test('is being down, and being there again', async () => {
      await peer.stop();
      await expect(stage.client.send(quick())).rejects.toMatchObject({
        code: expect.stringMatching(/^ECONN/),
      });
      await peer.resume();
      await stage.client.send(quick());
    });
  });

  test('every call leaves an event as CloudTrail writes it, and no plaintext', async () => {
    const from = peer.events.length;
    await encrypt(stage.client);
    const { client, identity } = who();
    await expect(encrypt(client)).rejects.toMatchObject(denied);
    await stage.client.send(new DisableKeyCommand({ KeyId: other }));
    const [done, refused, disabled] = peer.events.slice(from);
    expect(done).toMatchObject({
      eventSource: 'kms.amazonaws.com',
      eventName: 'Encrypt',
      awsRegion: peer.region,
      userIdentity: { type: 'IAMUser', arn: peer.admin.arn, userName: 'admin', accountId: peer.account },
      requestParameters: { keyId: key, encryptionContext: a },
      resources: [{ ARN: key, type: 'AWS::KMS::Key' }],
      readOnly: true,
    });
    expect(done).not.toHaveProperty('errorCode');
    expect(done?.requestParameters).not.toHaveProperty('plaintext');
    expect(refused).toMatchObject({ errorCode: 'AccessDenied', userIdentity: { arn: identity.arn } });
    expect(disabled).toMatchObject({ eventName: 'DisableKey', readOnly: false });
  });

  test('a key is gone with its aliases when its days are over', async () => {
    const KeyId = await stage.makeKey();
    const { CiphertextBlob } = await encrypt(stage.client, a, KeyId);
    await stage.client.send(new ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 7 }));
    peer.passDays(8);
    await expect(stage.client.send(new DescribeKeyCommand({ KeyId }))).rejects.toMatchObject({
      name: 'NotFoundException',
    });
    const opening = new DecryptCommand({ CiphertextBlob, EncryptionContext: a });
    await expect(stage.client.send(opening)).rejects.toMatchObject({ name: 'InvalidCiphertextException' });
  });
});
