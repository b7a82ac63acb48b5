import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { makeCertificates } from '../../store/redis/fixtures/certificates.ts';
import { keyProviderContract } from '../provider-contract.ts';
import { openPeer, type Peer, type PeerFault } from './fixtures/peer.ts';
import { openPeerStage, openStage, type Stage } from './fixtures/stage.ts';
import { openTransit, type TransitOptions, type TransitProvider } from './provider.ts';

const context = { deployment: 'd', tenant: 't', purpose: 'tenant', version: '000001' };
const unavailable = (message: RegExp) => ({
  code: 'key_unavailable',
  message: expect.stringMatching(message),
});

describe('on a server', () => {
  let stage: Stage;
  const opened: TransitProvider[] = [];
  beforeAll(async () => void (stage = await openStage()));
  afterAll(async () => {
    for (const provider of opened) await provider.close();
    await stage.close();
  });
  const open = async (key?: string): Promise<TransitProvider> => {
    const { address, mount, rootToken: token } = stage;
    const provider = await openTransit({
      address,
      mount,
      key: key ?? (await stage.newKey()),
      logIn: { token },
    });
    opened.push(provider);
    return provider;
  };

  describe('transit is a provider', () => {
    test.each(keyProviderContract)('$name', ({ run }) => run(() => open()));
  });

  test('a rotated key wraps under its new version and rewraps the old ones; its name stays', async () => {
    const key = await stage.newKey();
    const provider = await open(key);
    const made = await provider.generate({ tenant: 't', context });
    expect(made).toMatchObject({ keyRef: `${stage.mount}/${key}` });
    expect(Buffer.from(made.wrapped).toString()).toMatch(/^vault:v1:/);
    await stage.api('POST', `${stage.mount}/keys/${key}/rotate`);
    expect(await provider.describe()).toMatchObject([
      {
        keyRef: made.keyRef,
        active: true,
        latestVersion: 2,
        minDecryptionVersion: 1,
        versions: [{ version: 1 }, { version: 2 }],
      },
    ]);
    const moved = await provider.rewrap({ ...made, tenant: 't', context });
    expect(Buffer.from(moved.wrapped).toString()).toMatch(/^vault:v2:/);
    expect(moved.keyRef).toBe(made.keyRef);
    await stage.api('POST', `${stage.mount}/keys/${key}/config`, { min_decryption_version: 2 });
    await expect(provider.unwrap({ ...made, tenant: 't', context })).rejects.toMatchObject(
      unavailable(/min_decryption_version/),
    );
    expect(await provider.unwrap({ ...moved, tenant: 't', context })).toEqual(made.plaintext);
  });

  test('another writing of the same ciphertext is refused, though the engine would take it', async () => {
    const provider = await open();
    const made = await provider.generate({ tenant: 't', context });
    const text = Buffer.from(made.wrapped).toString();
    for (const other of [
      `${text}\n`,
      text.replace(':v1:', ':v0:'),
      text.replace(':v1:', ':v01:'),
      `${text}=`,
    ])
      await expect(
        provider.unwrap({ ...made, wrapped: Buffer.from(other), tenant: 't', context }),
      ).rejects.toMatchObject({ code: 'open_failed' });
  });

  test.each([
    ['not derived', { derived: false }, /not derived/],
    ['exportable', { exportable: true }, /exportable/],
    ['open to plain backups', { allow_plaintext_backup: true }, /backup/],
    ['convergent', { convergent_encryption: true }, /convergent/],
    ['of another type', { type: 'chacha20-poly1305' }, /type aes256-gcm96/],
  ])(
    'a key that is %s is refused, and the message says how to make another',
    async (_, settings, message) => {
      const key = await stage.newKey(settings);
      const refusal: unknown = await open(key).catch((error: unknown) => error);
      expect(refusal).toMatchObject({ code: 'key_weak', message: expect.stringMatching(message) });
      expect(String(refusal)).toContain('derived=true');
    },
  );

  test('a key that became exportable while in use is seen by whoever looks', async () => {
    const key = await stage.newKey();
    const provider = await open(key);
    await stage.api('POST', `${stage.mount}/keys/${key}/config`, { exportable: true });
    await expect(provider.describe()).rejects.toMatchObject({ code: 'key_weak' });
  });

  test('no key, no engine and no token are told apart in the message', async () => {
    const { address, mount, rootToken: token } = stage;
    const key = await stage.newKey();
    await expect(openTransit({ address, mount, key: 'absent', logIn: { token } })).rejects.toMatchObject(
      unavailable(/no such transit engine or key/),
    );
    await expect(openTransit({ address, mount: 'absent', key, logIn: { token } })).rejects.toMatchObject(
      unavailable(/no such transit engine or key/),
    );
    const wrong = openTransit({ address, mount, key, logIn: { token: 's.nobody' } });
    await expect(wrong).rejects.toMatchObject(unavailable(/does not accept the log-in/));
  });
});

describe('on a server that fails', () => {
  let stage: Stage & { readonly peer: Peer };
  let provider: TransitProvider;
  let made: Awaited<ReturnType<TransitProvider['generate']>>;
  beforeAll(async () => {
    stage = await openPeerStage();
    const { address, mount, rootToken: token } = stage;
    provider = await openTransit({
      address,
      mount,
      key: await stage.newKey(),
      logIn: { token },
      timeoutMs: 400,
    });
    made = await provider.generate({ tenant: 't', context });
  });
  afterAll(async () => {
    stage.peer.fault = undefined;
    await provider.close();
    await stage.close();
  });
  beforeEach(() => void (stage.peer.fault = undefined));

  test.each<[PeerFault, RegExp]>([
    ['sealed', /sealed, a standby or down/],
    ['broken', /sealed, a standby or down/],
    ['standby', /standby that points elsewhere/],
    ['busy', /asked too often/],
    ['hang', /cannot be reached/],
    ['cut', /cannot be reached/],
    ['endless', /cannot be reached/],
    ['page', /not one of the transit engine/],
    ['unlike', /not one of the transit engine/],
  ])('%s is key_unavailable, never open_failed, and it works again afterwards', async (fault, message) => {
    stage.peer.fault = fault;
    const refused = expect.objectContaining(unavailable(message));
    const request = { ...made, tenant: 't', context };
    for (const asked of [
      provider.generate({ tenant: 't', context }),
      provider.wrap({ tenant: 't', plaintext: made.plaintext, context }),
      provider.unwrap(request),
      provider.rewrap(request),
      provider.describe(),
    ])
      await expect(asked).rejects.toEqual(refused);
    stage.peer.fault = undefined;
    expect(await provider.unwrap(request)).toEqual(made.plaintext);
  });

  test('a server that is gone, or was never there', async () => {
    const lone = await openPeerStage();
    const options = {
      address: lone.address,
      mount: lone.mount,
      key: await lone.newKey(),
      logIn: { token: 'root' },
    };
    const alive = await openTransit(options);
    const wrapped = await alive.generate({ tenant: 't', context });
    await lone.close();
    await expect(alive.unwrap({ ...wrapped, tenant: 't', context })).rejects.toMatchObject(
      unavailable(/cannot be reached/),
    );
    await expect(openTransit(options)).rejects.toMatchObject(unavailable(/cannot be reached/));
    await alive.close();
  });

  test('no refusal shows a token, a key or what the server said of a log-in', async () => {
    const secretId = randomBytes(16).toString('hex');
    const roleId = randomBytes(16).toString('hex');
    const { address, mount } = stage;
    const logIn = { roleId, secretId };
    const refusal: unknown = await openTransit({ address, mount, key: 'any', logIn }).catch(
      (error: unknown) => error,
    );
    expect(refusal).toMatchObject(unavailable(/VAULT_ROLE_ID/));
    expect(JSON.stringify(refusal)).not.toContain(secretId);
    expect(JSON.stringify(refusal)).not.toContain('invalid role');
  });
});

describe('how the server is reached', () => {
  const directory = mkdtempSync(join(tmpdir(), 'transit-tls-'));
  afterAll(() => rmSync(directory, { recursive: true }));
  const peers: Peer[] = [];
  afterAll(() => Promise.all(peers.map((peer) => peer.close())));
  const secure = async (host?: string): Promise<{ address: string; ca: string }> => {
    const { key, certificate, authorityPem: ca } = makeCertificates(mkdtempSync(join(directory, 'c-')), host);
    const peer = await openPeer({ tls: { key: readFileSync(key), cert: readFileSync(certificate) } });
    peers.push(peer);
    return { address: peer.address, ca };
  };
  const reached = (options: Pick<TransitOptions, 'address' | 'ca'>) =>
    openTransit({ ...options, key: 'sealgate', logIn: { token: 'root' } });
  // The log-in went through: what is missing is the engine.
  const arrived = unavailable(/no such transit engine/);
  const unreached = unavailable(/cannot be reached/);

  test('over TLS with the authority that is given, and with no other', async () => {
    const { address, ca } = await secure();
    await expect(reached({ address, ca })).rejects.toMatchObject(arrived);
    await expect(reached({ address })).rejects.toMatchObject(unreached);
    await expect(reached({ address, ca: (await secure()).ca })).rejects.toMatchObject(unreached);
  });

  test('not when the certificate is for another name', async () => {
    await expect(reached(await secure('DNS:vault.example.com'))).rejects.toMatchObject(unreached);
  });

  test('checked also where the environment switches checks off', async () => {
    const { address } = await secure();
    const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      await expect(reached({ address })).rejects.toMatchObject(unreached);
    } finally {
      if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
      else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before;
    }
  });

  test.each([
    'http://vault.example.com',
    'http://10.0.0.1:8200',
    'https://u:p@vault',
    'https://vault/v1',
    'vault',
    '',
  ])('not at %j', async (address) => {
    await expect(reached({ address })).rejects.toMatchObject(unavailable(/https:/));
  });

  test.each([
    ['a/../../sys', 'k'],
    ['transit', 'k/rotate'],
    ['transit', '../sys'],
    ['', 'k'],
    ['transit', 'k?x'],
  ])('not by the path %j %j', async (mount, key) => {
    const address = 'http://127.0.0.1:1';
    await expect(openTransit({ address, mount, key, logIn: { token: 't' } })).rejects.toMatchObject(
      unavailable(/must be names/),
    );
  });
});
