import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openStage, realServer, type Stage } from './fixtures/stage.ts';

// What the API does, asked of the stand-in, and of a real server when `BAO_ADDR` names one: both have to answer alike.

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const [here, elsewhere] = [base64('here'), base64('elsewhere')];
const plaintext = Buffer.alloc(32, 7).toString('base64');

describe(`transit of ${realServer ? 'BAO_ADDR' : 'the stand-in'}`, () => {
  let stage: Stage;
  beforeAll(async () => void (stage = await openStage()));
  afterAll(() => stage.close());
  const ask = (operation: string, key: string, body: object, asker = {}) =>
    stage.api('POST', `${stage.mount}/${operation}/${key}`, { ...body }, asker);
  const sealed = async (key: string, context = here): Promise<string> =>
    String((await ask('encrypt', key, { plaintext, context })).data['ciphertext']);

  test('a key says what it is', async () => {
    const key = await stage.newKey();
    const { status, data } = await stage.api('GET', `${stage.mount}/keys/${key}`);
    expect(status).toBe(200);
    expect(data).toMatchObject({
      name: key,
      type: 'aes256-gcm96',
      derived: true,
      exportable: false,
      allow_plaintext_backup: false,
      convergent_encryption: false,
      deletion_allowed: false,
      latest_version: 1,
      min_decryption_version: 1,
      keys: { 1: expect.any(Number) },
    });
    expect(await stage.api('GET', `${stage.mount}/keys/nobody`)).toMatchObject({ status: 404 });
  });

  test('what a context sealed opens under that context alone', async () => {
    const key = await stage.newKey();
    const ciphertext = await sealed(key);
    expect(ciphertext).toMatch(/^vault:v1:[A-Za-z0-9+/]{80}$/);
    expect((await ask('decrypt', key, { ciphertext, context: here })).data).toEqual({ plaintext });
    const foreign = await ask('decrypt', key, { ciphertext, context: elsewhere });
    expect([foreign.status, foreign.errors]).toEqual([
      400,
      expect.stringMatching(/^(invalid ciphertext|cipher: message authentication failed)/),
    ]);
    for (const operation of ['decrypt', 'rewrap']) {
      const none = await ask(operation, key, { ciphertext });
      expect([none.status, none.errors]).toEqual([400, expect.stringMatching(/missing 'context'/)]);
    }
  });

  test('a data key comes in plain and sealed, and is new each time', async () => {
    const key = await stage.newKey();
    const made = await Promise.all([1, 2].map(() => ask('datakey/plaintext', key, { context: here })));
    expect(new Set(made.map(({ data }) => data['plaintext'])).size).toBe(2);
    for (const { data } of made) {
      const opened = await ask('decrypt', key, { ciphertext: data['ciphertext'], context: here });
      expect(opened.data['plaintext']).toBe(data['plaintext']);
    }
    const wrapped = await ask('datakey/wrapped', key, { context: here });
    expect(Object.keys(wrapped.data)).not.toContain('plaintext');
    expect((await ask('datakey/plain', key, { context: here })).status).toBe(400);
  });

  test('the decoder takes what was never written: version 0 and line breaks', async () => {
    const key = await stage.newKey();
    const ciphertext = await sealed(key);
    for (const other of [ciphertext.replace(':v1:', ':v0:'), `${ciphertext}\n`])
      expect((await ask('decrypt', key, { ciphertext: other, context: here })).data).toEqual({ plaintext });
  });

  test.each([
    ['no prefix', 'AAAA'],
    ['no version', 'vault:vx:AAAA'],
    ['a version to come', 'vault:v7:AAAA'],
    ['no base64', 'vault:v1:!!!!'],
    ['too little', 'vault:v1:AAAA'],
  ])('%s is no ciphertext', async (_, ciphertext) => {
    const answer = await ask('decrypt', await stage.newKey(), { ciphertext, context: here });
    expect([answer.status, answer.errors]).toEqual([400, expect.stringMatching(/^invalid ciphertext/)]);
  });

  test('a rotated key seals under its new version, and opens the old ones until they are withdrawn', async () => {
    const key = await stage.newKey();
    const old = await sealed(key);
    await stage.api('POST', `${stage.mount}/keys/${key}/rotate`);
    expect(await sealed(key)).toMatch(/^vault:v2:/);
    expect((await ask('decrypt', key, { ciphertext: old, context: here })).data).toEqual({ plaintext });
    const { data } = await ask('rewrap', key, { ciphertext: old, context: here });
    expect(data).toMatchObject({ ciphertext: expect.stringMatching(/^vault:v2:/), key_version: 2 });
    await stage.api('POST', `${stage.mount}/keys/${key}/config`, { min_decryption_version: 2 });
    const withdrawn = await ask('decrypt', key, { ciphertext: old, context: here });
    expect([withdrawn.status, withdrawn.errors]).toEqual([400, expect.stringMatching(/too old/)]);
    expect((await ask('decrypt', key, { ciphertext: data['ciphertext'], context: here })).data).toEqual({
      plaintext,
    });
    const state = await stage.api('GET', `${stage.mount}/keys/${key}`);
    expect(state.data).toMatchObject({
      latest_version: 2,
      min_decryption_version: 2,
      keys: { 2: expect.any(Number) },
    });
    expect(state.data['keys']).not.toHaveProperty('1');
  });

  test('a key is not exported, nor deleted, unless it says so', async () => {
    const key = await stage.newKey();
    expect((await stage.api('DELETE', `${stage.mount}/keys/${key}`)).status).toBe(400);
    await stage.api('POST', `${stage.mount}/keys/${key}/config`, { deletion_allowed: true });
    expect((await stage.api('DELETE', `${stage.mount}/keys/${key}`)).status).toBe(204);
    const gone = await ask('decrypt', key, { ciphertext: 'vault:v1:AAAA', context: here });
    expect([gone.status, gone.errors]).toEqual([400, 'encryption key not found']);
    expect((await ask('datakey/plaintext', key, { context: here })).errors).toBe('encryption key not found');
  });

  const tokenFor = async (policy: string, settings = {}): Promise<string> => {
    const name = `policy-${stage.mount}`;
    await stage.api('POST', `sys/policies/acl/${name}`, { policy });
    const made = await stage.api('POST', 'auth/token/create', { policies: [name], ...settings });
    return String(made.auth['client_token']);
  };

  test('a policy permits what it names and nothing else', async () => {
    const [mine, other] = [await stage.newKey(), await stage.newKey()];
    const token = await tokenFor(`path "${stage.mount}/+/${mine}" { capabilities = ["update"] }`);
    expect((await ask('encrypt', mine, { plaintext, context: here }, { token })).status).toBe(200);
    expect((await ask('encrypt', other, { plaintext, context: here }, { token })).status).toBe(403);
    expect((await stage.api('GET', `${stage.mount}/keys/${mine}`, undefined, { token })).status).toBe(403);
    expect((await stage.api('GET', 'auth/token/lookup-self', undefined, { token })).status).toBe(200);
    for (const wrong of ['', 's.nobody'])
      expect((await ask('encrypt', mine, { plaintext, context: here }, { token: wrong })).status).toBe(403);
  });

  test('encrypting makes a key that is not there for whoever may create, and not for whoever may update', async () => {
    const absent = `absent-${stage.mount}`;
    const path = `path "${stage.mount}/encrypt/${absent}"`;
    const updating = await tokenFor(`${path} { capabilities = ["update"] }`);
    const body = { plaintext, context: here };
    expect((await ask('encrypt', absent, body, { token: updating })).status).toBe(403);
    const creating = await tokenFor(`${path} { capabilities = ["create", "update"] }`);
    expect((await ask('encrypt', absent, body, { token: creating })).status).toBe(200);
    expect((await stage.api('GET', `${stage.mount}/keys/${absent}`)).data).toMatchObject({ derived: true });
  });

  test('a token tells its lease, and renews it unless it says that it cannot', async () => {
    const policy = `path "${stage.mount}/none" { capabilities = ["deny"] }`;
    const token = await tokenFor(policy, { ttl: '600s' });
    const { data } = await stage.api('GET', 'auth/token/lookup-self', undefined, { token });
    expect(data).toMatchObject({ renewable: true });
    expect(Number(data['ttl'])).toBeGreaterThan(500);
    const renewed = await stage.api('POST', 'auth/token/renew-self', {}, { token });
    expect(renewed.auth).toMatchObject({ client_token: token, renewable: true });
    expect(Number(renewed.auth['lease_duration'])).toBeGreaterThan(500);
    const fixed = await tokenFor(policy, { ttl: '600s', renewable: false });
    expect((await stage.api('POST', 'auth/token/renew-self', {}, { token: fixed })).status).toBe(400);
    expect((await stage.api('POST', 'auth/token/revoke-self', undefined, { token })).status).toBe(204);
    expect((await stage.api('GET', 'auth/token/lookup-self', undefined, { token })).status).toBe(403);
    expect((await stage.api('GET', 'auth/token/lookup-self')).data).toMatchObject({ ttl: 0 });
  });

  test('AppRole gives a token for role and secret, and for nothing else', async () => {
    const role = `auth/approle/role/role-${stage.mount}`;
    await stage.api('POST', 'sys/auth/approle', { type: 'approle' });
    await stage.api('POST', role, { token_policies: 'default', token_ttl: '20m', token_max_ttl: '1h' });
    const { role_id } = (await stage.api('GET', `${role}/role-id`)).data;
    const { secret_id } = (await stage.api('POST', `${role}/secret-id`)).data;
    const logIn = (body: object) => stage.api('POST', 'auth/approle/login', { ...body }, { token: '' });
    const { status, auth } = await logIn({ role_id, secret_id });
    expect([status, auth]).toEqual([
      200,
      expect.objectContaining({ client_token: expect.any(String), lease_duration: 1200, renewable: true }),
    ]);
    expect((await logIn({ role_id, secret_id: 'nobody' })).status).toBe(400);
    expect((await logIn({ role_id: 'nobody', secret_id })).status).toBe(400);
  });

  test('a namespace has engines, keys and tokens of its own', async () => {
    const namespace = `team-${stage.mount}`;
    await stage.api('POST', `sys/namespaces/${namespace}`);
    await stage.api('POST', `sys/mounts/${stage.mount}`, { type: 'transit' }, { namespace });
    const key = `${stage.mount}/keys/inner`;
    await stage.api('POST', key, { derived: true }, { namespace });
    expect((await stage.api('GET', key, undefined, { namespace })).status).toBe(200);
    expect((await stage.api('GET', key)).status).toBe(404);
    const policy = `path "${stage.mount}/*" { capabilities = ["read"] }`;
    await stage.api('POST', 'sys/policies/acl/inner', { policy }, { namespace });
    const made = await stage.api('POST', 'auth/token/create', { policies: ['inner'] }, { namespace });
    const token = String(made.auth['client_token']);
    expect((await stage.api('GET', key, undefined, { token, namespace })).status).toBe(200);
    expect((await stage.api('GET', key, undefined, { token })).status).toBe(403);
  });
});
