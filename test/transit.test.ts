import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openTransit } from '@sealgate/vault/transit';
import { openPeer, type Peer } from '../packages/vault/src/keys/transit/fixtures/peer.ts';
import { startKeyed, type KeyedUpstream } from './fixtures/keyed.ts';
import { modernCall, rawHttp } from './fixtures/raw-http.ts';
import { done, freshDataDir, removeDataDir, sealgate, startSealgate, type Running } from './start.ts';

// docs/transit.md, done as it says: its commands set a server up, its policy is what the server enforces, and a gateway
// lives on the key that they made.

const page = readFileSync(new URL('../docs/transit.md', import.meta.url), 'utf8');
const block = (form: string): string => new RegExp(`\`\`\`${form}\n(.*?)\`\`\``, 's').exec(page)?.[1] ?? '';
const policy = block('hcl');

let peer: Peer;
beforeAll(async () => void (peer = await openPeer()));
afterAll(() => peer.close());

type Body = Readonly<Record<string, unknown>>;

async function api(
  method: string,
  path: string,
  body?: Body,
  token = peer.rootToken,
): Promise<Body & { status: number }> {
  const response = await fetch(`${peer.address}/v1/${path}`, {
    method,
    headers: { 'x-vault-token': token },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { ...(text === '' ? {} : (JSON.parse(text) as Body)), status: response.status };
}

/** One line of the page, as the program carries it out. @returns the field that was asked for */
async function bao(line: string, text = policy): Promise<string> {
  const [, ...words] = line.split(' ');
  const flags = words.filter((word) => word.startsWith('-'));
  const [verb, first = '', second = '', third = ''] = words.filter((word) => !word.startsWith('-'));
  const pairs = words.filter((word) => word.includes('=') && !word.startsWith('-'));
  const body = Object.fromEntries(pairs.map((pair) => pair.split('=') as [string, string]));
  const answers = {
    secrets: () => api('POST', `sys/mounts/${second}`, { type: second }),
    auth: () => api('POST', `sys/auth/${second}`, { type: second }),
    policy: () => api('POST', `sys/policies/acl/${second}`, third === '' ? {} : { policy: text }),
    write: () => api('POST', first, body),
    read: () => api('GET', first),
  };
  const answer = await answers[verb as keyof typeof answers]();
  expect({ line, done: answer.status < 300 }).toEqual({ line, done: true });
  const field = flags.find((flag) => flag.startsWith('-field='))?.slice('-field='.length) ?? '';
  return String((answer['data'] as Body | undefined)?.[field]);
}

let logIn = { roleId: '', secretId: '' };
const place = () => ({ address: peer.address, key: 'sealgate' });
const context = { deployment: 'd', tenant: 't', purpose: 'tenant', version: '000001' };
beforeAll(async () => {
  const said: string[] = [];
  for (const line of block('sh').trim().split('\n')) said.push(await bao(line));
  const [roleId = '', secretId = ''] = said.slice(-2);
  logIn = { roleId, secretId };
});
beforeEach(() => void (peer.fault = undefined));

describe('the policy of the page', () => {
  it('is enough for everything the provider does', async () => {
    const provider = await openTransit({ ...place(), logIn });
    const made = await provider.generate({ tenant: 't', context });
    const wrapped = await provider.wrap({ tenant: 't', plaintext: made.plaintext, context });
    const again = await provider.rewrap({ ...wrapped, tenant: 't', context });
    expect(await provider.unwrap({ ...again, tenant: 't', context })).toEqual(made.plaintext);
    expect(await provider.describe()).toMatchObject([{ keyRef: 'transit/sealgate' }]);
    await provider.close();
  });

  it.each(['keys', 'datakey', 'encrypt', 'decrypt', 'rewrap'])(
    'is not enough without its line for %s',
    async (operation) => {
      const less = policy.split('\n').filter((line) => !line.includes(`transit/${operation}`));
      await bao('bao policy write sealgate sealgate.hcl', less.join('\n'));
      const works = async (): Promise<void> => {
        const provider = await openTransit({ ...place(), logIn });
        const made = await provider.generate({ tenant: 't', context });
        await provider.wrap({ tenant: 't', plaintext: made.plaintext, context });
        await provider.unwrap({ ...made, tenant: 't', context });
        await provider.rewrap({ ...made, tenant: 't', context });
      };
      await expect(works()).rejects.toMatchObject({
        code: 'key_unavailable',
        message: expect.stringMatching(/does not permit/),
      });
      await bao('bao policy write sealgate sealgate.hcl');
    },
  );

  it.each([
    ['another key', 'POST', 'transit/encrypt/other'],
    ['rotating', 'POST', 'transit/keys/sealgate/rotate'],
    ['configuring', 'POST', 'transit/keys/sealgate/config'],
    ['deleting', 'DELETE', 'transit/keys/sealgate'],
    ['exporting', 'GET', 'transit/export/encryption-key/sealgate'],
    ['a backup', 'GET', 'transit/backup/sealgate'],
    ['making keys', 'POST', 'transit/keys/other'],
    ['more tokens', 'POST', 'auth/token/create'],
    ['policies', 'POST', 'sys/policies/acl/sealgate'],
  ])('does not permit %s', async (_, method, path) => {
    const given = await api(
      'POST',
      'auth/approle/login',
      { role_id: logIn.roleId, secret_id: logIn.secretId },
      '',
    );
    const token = String((given['auth'] as Body)['client_token']);
    expect((await api(method, path, method === 'POST' ? {} : undefined, token)).status).toBe(403);
  });
});

describe('a gateway on that key', () => {
  const secret = 'sk-live-behind-the-transit-engine';
  const env = (): Record<string, string> => ({
    KEY_PROVIDER: 'transit',
    VAULT_ADDR: peer.address,
    VAULT_TRANSIT_KEY: 'sealgate',
    VAULT_ROLE_ID: logIn.roleId,
    VAULT_SECRET_ID: logIn.secretId,
  });
  let dataDir = '';
  let upstream: KeyedUpstream;
  let gateway: Running | undefined;
  const start = async (): Promise<Running> => (gateway = await startSealgate({ dataDir, env: env() }));
  const call = async (running: Running): Promise<string> => {
    const request = modernCall(1, 'report', {});
    const headers = { ...request.headers, authorization: `Bearer ${running.bearer}` };
    return (await rawHttp(`${running.origin}/mcp/keyed`, { ...request, headers })).body;
  };
  beforeAll(async () => {
    dataDir = await freshDataDir();
    upstream = await startKeyed({ in: 'bearer' }, secret);
  });
  afterAll(async () => {
    await gateway?.kill();
    await upstream?.close();
    await removeDataDir(dataDir);
  });

  it('seals, is started again, and opens', async () => {
    const first = await start();
    await done(dataDir, ['upstreams', 'add', 'keyed', '--url', upstream.url, '--credential', 'bearer']);
    await done(dataDir, ['connections', 'set', 'keyed'], secret);
    expect(await call(first)).toContain('"result"');
    expect(upstream.received.at(-1)).toMatchObject({ admitted: true });
    expect(await first.stop()).toMatchObject({ code: 0 });
    const second = await start();
    expect(await call(second)).toContain('"result"');
    expect(upstream.received.at(-1)).toMatchObject({ admitted: true });
  });

  it('with a sealed Vault goes on with the keys it has', async () => {
    peer.fault = 'sealed';
    expect(await call(gateway as Running)).toContain('"result"');
    expect(await (gateway as Running).stop()).toMatchObject({ code: 0 });
  });

  it('without a key in memory says key_unavailable, and recovers', async () => {
    const running = await start();
    peer.fault = 'sealed';
    const said = await call(running);
    expect(said).toContain('key_unavailable');
    expect(said).not.toMatch(/open_failed|credential_missing/);
    peer.fault = undefined;
    await expect.poll(() => call(running), { timeout: 20_000, interval: 300 }).toContain('"result"');
    await running.stop();
  });

  it('does not start on a sealed Vault, nor with a wrong secret, and shows neither', async () => {
    peer.fault = 'sealed';
    const sealed = await startSealgate({ dataDir, env: env() }).catch(String);
    expect(sealed).toContain('sealed, a standby or down; try again (key_unavailable)');
    peer.fault = undefined;
    const wrong = 'not-the-secret-id-at-all';
    const refused = await startSealgate({ dataDir, env: { ...env(), VAULT_SECRET_ID: wrong } }).catch(String);
    expect(refused).toContain('does not accept the log-in');
    expect(refused).not.toContain(wrong);
  });

  it('says what is wrong with the certificates it was given', async () => {
    const VAULT_CACERT = `${dataDir}/absent.pem`;
    const finished = await sealgate(dataDir, ['start'], { env: { ...env(), VAULT_CACERT } });
    expect(finished).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('VAULT_CACERT names a file that cannot be read (config_invalid)'),
    });
  });
});
