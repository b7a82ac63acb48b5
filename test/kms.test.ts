import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  DecryptCommand,
  DisableKeyCommand,
  GenerateDataKeyCommand,
  ReEncryptCommand,
} from '@aws-sdk/client-kms';
import type { SignedReceipt } from '@sealgate/vault';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openKmsStage, onAws, type KmsStage } from '../packages/vault/src/keys/kms/fixtures/kms-stage.ts';
import { startKeyed, type KeyedUpstream } from './fixtures/keyed.ts';
import { modernCall, rawHttp } from './fixtures/raw-http.ts';
import { freshDataDir, overSocket, removeDataDir, sealgate, startSealgate, type Running } from './start.ts';

// The product on AWS KMS: a gateway lives on a key of it, tenants get keys of their own, and the policies that are printed
// are what KMS enforces.

const secret = 'sk-live-behind-a-key-of-kms';
const denied = { name: 'AccessDeniedException' };
const serviceName = 'gate';

describe.skipIf(onAws)('on AWS KMS (it needs callers and faults)', () => {
  let stage: KmsStage;
  let keyArn = '';
  let dataDir = '';
  let upstream: KeyedUpstream;
  let gateway: Running | undefined;

  beforeAll(async () => {
    stage = await openKmsStage();
    keyArn = await stage.makeKey();
    dataDir = await freshDataDir();
    upstream = await startKeyed({ in: 'bearer' }, secret);
  });
  afterAll(async () => {
    await gateway?.kill();
    await upstream?.close();
    await stage.close();
    await removeDataDir(dataDir);
  });
  beforeEach(() => void stage.peer?.faults.splice(0));

  const peer = () => {
    if (stage.peer === undefined) throw new Error('there is no peer');
    return stage.peer;
  };
  const env = (more: Record<string, string> = {}): Record<string, string> => ({
    KEY_PROVIDER: 'kms',
    KMS_KEY_ARN: keyArn,
    KMS_ENDPOINT: peer().endpoint,
    KMS_TENANT_KEYS: 'true',
    SERVICE_NAME: serviceName,
    AWS_ACCESS_KEY_ID: peer().admin.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: peer().admin.credentials.secretAccessKey,
    ...more,
  });
  const start = async (more?: Record<string, string>): Promise<Running> =>
    (gateway = await startSealgate({ dataDir, env: env(more) }));
  /** An operation of the running gateway, as a command asks for it. */
  const ask = async (operation: string, input: object): Promise<object> => {
    const answer = JSON.parse(await overSocket(dataDir, operation, input)) as { ok: boolean; result: object };
    expect(answer).toMatchObject({ ok: true });
    return answer.result;
  };
  /** Work on keys, to its end. */
  const work = async (what: object): Promise<void> => {
    await ask('keys.work', what);
    const { to: _, ...look } = what as { to?: string };
    await expect
      .poll(() => ask('keys.progress', look), { timeout: 30_000 })
      .toMatchObject({ done: { failures: [] } });
  };
  const run = async (args: readonly string[]) => {
    const finished = await sealgate(dataDir, args, { env: env() });
    expect(finished).toMatchObject({ code: 0, stderr: '' });
    return finished.stdout;
  };
  const call = async (running: Running): Promise<string> => {
    const request = modernCall(1, 'report', {});
    const headers = { ...request.headers, authorization: `Bearer ${running.bearer}` };
    return (await rawHttp(`${running.origin}/mcp/keyed`, { ...request, headers })).body;
  };
  /** The tenants that KMS was asked about, in encryption contexts. */
  const contexts = () =>
    peer().events.flatMap(({ requestParameters: { encryptionContext } }) =>
      encryptionContext === undefined ? [] : [encryptionContext as Record<string, string>],
    );

  it('a gateway seals, is started again, and opens', async () => {
    const first = await start();
    const credential = { in: 'header', name: 'authorization', scheme: 'bearer' };
    await ask('upstreams.add', { upstream: { kind: 'http', name: 'keyed', url: upstream.url, credential } });
    await ask('connections.set', { upstream: 'keyed', secret });
    expect(await call(first)).toContain('"result"');
    expect(upstream.received.at(-1)).toMatchObject({ admitted: true });
    expect(await first.stop()).toMatchObject({ code: 0 });
    const second = await start();
    expect(await call(second)).toContain('"result"');
    expect(upstream.received.at(-1)).toMatchObject({ admitted: true });
  });

  it('KMS and its trail saw opaque ids, and no secret', () => {
    for (const context of contexts())
      expect(context).toEqual({
        client_id: expect.stringMatching(/^(_system|[\w-]+)$/),
        deployment: expect.stringMatching(/^[0-9a-f-]{36}$/),
        purpose: expect.any(String),
        service: serviceName,
        version: '000001',
      });
    expect(contexts().length).toBeGreaterThan(2);
    expect(JSON.stringify(peer().events)).not.toContain(secret);
  });

  it('with KMS down goes on with the keys it has', async () => {
    await peer().stop();
    expect(await call(gateway as Running)).toContain('"result"');
    expect(await (gateway as Running).stop()).toMatchObject({ code: 0 });
    await peer().resume();
  });

  it('without a key in memory says key_unavailable, never that the credential is wrong, and recovers', async () => {
    const running = await start();
    await peer().stop();
    const said = await call(running);
    expect(said).toContain('key_unavailable');
    expect(said).not.toMatch(/open_failed|credential_missing|arn:aws/);
    await peer().resume();
    await expect.poll(() => call(running), { timeout: 20_000, interval: 300 }).toContain('"result"');
  });

  it('a tenant gets a key of its own, its keys are counted, and new ones are made under it', async () => {
    const { client_id: tenant = '' } = contexts().find(({ client_id }) => client_id !== '_system') ?? {};
    const text = await run(['keys', 'create', '--tenant', tenant]);
    expect(text).toMatch(/^Made: arn:aws:kms:/);
    expect(text).toContain('1 key of this tenant lies under another key of KMS');
    expect(await ask('keys.create', { tenant })).toMatchObject({
      tenant,
      alias: expect.stringContaining(tenant),
      made: false,
      group: true,
      elsewhere: { kms: 1, others: 0 },
    });
    expect(await ask('keys.create', { tenant: 'a-client' })).toMatchObject({
      made: true,
      group: false,
      elsewhere: { kms: 0, others: 0 },
    });
    expect(JSON.stringify(await ask('audit.list', { act: 'key.create' }))).toContain(`key:${tenant}`);
    expect(await call(gateway as Running)).toContain('"result"');
  });

  it('the keys it had are brought under its own while calls go on, and what KMS was not asked for stays', async () => {
    const { client_id: tenant = '' } = contexts().find(({ client_id }) => client_id !== '_system') ?? {};
    const from = peer().events.length;
    await work({ kind: 'root', tenant });
    const moved = peer()
      .events.slice(from)
      .filter(({ eventName }) => eventName === 'ReEncrypt');
    expect(moved.map(({ requestParameters }) => requestParameters['sourceEncryptionContext'])).toEqual([
      expect.objectContaining({ client_id: tenant }),
    ]);
    expect(await ask('keys.create', { tenant })).toMatchObject({ elsewhere: { kms: 0, others: 0 } });
    expect(await call(gateway as Running)).toContain('"result"');
  });

  it('the printed policy opens what is of its tenant; another tenant and another context are denied', async () => {
    const { client_id: tenant = '', ...rest } =
      contexts().find(({ client_id }) => client_id !== '_system') ?? {};
    const mine = { client_id: tenant, ...rest };
    const policy = JSON.parse(await run(['policy', 'iam', '--tenant', 'a-client'])) as object;
    const client = stage.clientOf(peer().addIdentity('a-client', policy));
    const { key } = (await ask('keys.create', { tenant: 'a-client' })) as { key: string };
    const generate = (KeyId: string, EncryptionContext: Record<string, string>) =>
      client.send(new GenerateDataKeyCommand({ KeyId, KeySpec: 'AES_256', EncryptionContext }));
    const its = { ...mine, client_id: 'a-client' };
    const made = await generate(key, its);
    const open = new DecryptCommand({
      KeyId: key,
      CiphertextBlob: made.CiphertextBlob,
      EncryptionContext: its,
    });
    expect((await client.send(open)).Plaintext).toEqual(made.Plaintext);
    for (const [KeyId, context] of [
      [key, mine],
      [keyArn, mine],
      [keyArn, its],
      [key, { ...its, service: 'other' }],
      [key, { ...its, deployment: 'other' }],
      [key, {}],
    ] as const)
      await expect(generate(KeyId, context)).rejects.toMatchObject(denied);
    const moved = new ReEncryptCommand({
      CiphertextBlob: made.CiphertextBlob,
      SourceEncryptionContext: its,
      DestinationKeyId: keyArn,
      DestinationEncryptionContext: mine,
    });
    await expect(client.send(moved)).rejects.toMatchObject(denied);
  });

  it('a gateway runs on the policy that is printed for it, and on nothing more', async () => {
    const policy = JSON.parse(await run(['policy', 'iam'])) as object;
    await (gateway as Running).stop();
    const { credentials } = peer().addIdentity('gateway', policy);
    const role = {
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    };
    const running = await start(role);
    expect(await call(running)).toContain('"result"');
    const from = peer().events.filter(({ errorCode }) => errorCode === 'AccessDenied').length;
    const made = await sealgate(dataDir, ['keys', 'create', '--tenant', 'x'], { env: env(role) });
    expect(made).toMatchObject({ code: 1, stderr: expect.stringContaining('denies access') });
    expect(peer().events.filter(({ errorCode }) => errorCode === 'AccessDenied')).toHaveLength(from + 1);
    await running.stop();
  });

  it('a tenant of a keyring moves to a key of its own in KMS, and is lost to whoever disables that', async () => {
    const own = await freshDataDir();
    const before = dataDir;
    dataDir = own;
    const running = await start({ KEY_PROVIDER: 'keyring' });
    const credential = { in: 'header', name: 'authorization', scheme: 'bearer' };
    await ask('upstreams.add', { upstream: { kind: 'http', name: 'keyed', url: upstream.url, credential } });
    await ask('connections.set', { upstream: 'keyed', secret });
    const { entries } = (await ask('audit.list', { limit: 1 })) as { entries: { tenant: string }[] };
    const tenant = entries[0]?.tenant ?? '';
    const made = (await ask('keys.create', { tenant })) as { key: string };
    expect(made).toMatchObject({ made: true, group: true, elsewhere: { kms: 0, others: 1 } });
    await work({ kind: 'move', tenant, to: 'kms' });
    await work({ kind: 'settle', tenant, to: 'kms' });
    expect(await ask('keys.create', { tenant })).toMatchObject({ elsewhere: { kms: 0, others: 0 } });
    expect(await call(running)).toContain('"result"');
    await running.stop();
    await stage.client.send(new DisableKeyCommand({ KeyId: made.key }));
    const again = await start({ KEY_PROVIDER: 'keyring' });
    expect(await call(again)).toContain('key_unavailable');
    await again.stop();
    dataDir = before;
    await removeDataDir(own);
  });

  it('somebody whose group has a key of its own is shredded: the receipt names it, and what KMS still does', async () => {
    const own = await freshDataDir();
    const before = dataDir;
    dataDir = own;
    const running = await start();
    const credential = { in: 'header', name: 'authorization', scheme: 'bearer' };
    await ask('upstreams.add', { upstream: { kind: 'http', name: 'keyed', url: upstream.url, credential } });
    await ask('connections.set', { upstream: 'keyed', secret });
    const { entries } = (await ask('audit.list', { act: 'connection.set', limit: 1 })) as {
      entries: { tenant: string; actor: { id: string } }[];
    };
    const { tenant = '', actor } = entries[0] ?? {};
    const made = (await ask('keys.create', { tenant })) as { key: string; alias: string };
    await work({ kind: 'root', tenant });
    expect(await running.stop()).toMatchObject({ code: 0 });

    const [person, file] = [actor?.id ?? '', join(own, 'receipt.json')];
    const shred = ['keys', 'shred', '--person', person, '--yes', '--receipt', file];
    const from = peer().events.length;
    const shredded = await sealgate(own, shred, { env: env() });
    expect(shredded).toMatchObject({
      stderr: `If this is interrupted, go on with: sealgate keys shred --person ${person}\n`,
      stdout: expect.stringContaining(made.key),
      code: 0,
    });
    const signed = JSON.parse(await readFile(file, 'utf8')) as SignedReceipt;
    expect(signed.receipt).toMatchObject({
      tenants: [tenant],
      wrappedBy: [{ provider: 'kms', keyRef: made.key }],
    });
    expect(signed.receipt.backups.at(-1)).toEqual({
      where: `the own key of this group in AWS KMS, ${made.key} (${made.alias})`,
      holds: expect.stringMatching(/^is Enabled there; /),
      until: expect.stringContaining('kms:ScheduleKeyDeletion'),
    });
    // Destroying the key is left to whoever runs it.
    const asked = peer()
      .events.slice(from)
      .map(({ eventName }) => eventName);
    expect(asked.filter((name) => /Disable|Delet/.test(name))).toEqual([]);
    const shown = await run(['keys', 'receipt', 'show', '--person', person]);
    expect(shown).toContain(made.key);
    expect(await run(['keys', 'receipt', 'verify', file])).toMatch(/^Genuine: /);
    dataDir = before;
    await removeDataDir(own);
  });

  it('a policy for SecureTokenManager by itself needs no gateway', async () => {
    const away = await freshDataDir();
    const args = ['policy', 'iam', '--tenant', 'c-1', '--service', 'crm', '--key', keyArn];
    const printed = await sealgate(away, args);
    expect(printed).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(printed.stdout)).toMatchObject({
      Statement: [
        {
          Resource: keyArn,
          Condition: {
            StringEquals: {
              'kms:EncryptionContext:client_id': 'c-1',
              'kms:EncryptionContext:service': 'crm',
            },
          },
        },
        {},
      ],
    });
    const role = await sealgate(away, [...args, '--role', 'arn:aws:iam::111122223333:role/crm']);
    expect(JSON.parse(role.stdout)).toMatchObject({
      Statement: [{ Sid: 'Administer' }, { Sid: 'Use' }, {}, { Effect: 'Deny' }],
    });
    expect((await sealgate(away, ['policy', 'iam', '--key', 'nothing'])).code).toBe(2);
    expect((await sealgate(away, ['keys', 'create', '--tenant', 'c-1'])).stderr).toContain(
      'set KEY_PROVIDER=kms',
    );
    await removeDataDir(away);
  });

  it('does not start on a KMS that is down or denies, and names nothing', async () => {
    const nobody = peer().addIdentity('nobody', {
      Version: '2012-10-17',
      Statement: [{ Effect: 'Deny', Action: '*', Resource: '*' }],
    });
    const { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: AWS_SECRET_ACCESS_KEY } = nobody.credentials;
    const refused = await sealgate(dataDir, ['start'], {
      env: env({ AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY }),
    });
    expect(refused.stderr).toBe(
      'sealgate: the key service denies access to the root key (key_unavailable)\n',
    );
    await peer().stop();
    const down = await sealgate(dataDir, ['start'], { env: env() });
    expect(down.stderr).toBe('sealgate: the key service does not answer (key_unavailable)\n');
    await peer().resume();
  });
});
