import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { claimIssuer } from '../receipt.ts';
import { exportTables } from '../store/transfer/export-tables.ts';
import { fileTables, freshDirectory, manifestOf, quiet } from '../store/transfer/fixtures/stores.ts';
import type { Manifest } from '../store/transfer/manifest.ts';
import { actOf, keysOf } from './administration.ts';
import { envKey } from './env-key.ts';
import { proveExport, signManifest } from './export-proof.ts';
import { openKeyring } from './keyring.ts';
import { openKmsStage, type KmsStage } from './kms/fixtures/kms-stage.ts';
import { openKms } from './kms/open-kms.ts';
import { openSealer } from './open-sealer.ts';
import type { KeyProvider } from './provider.ts';

// An export of a deployment with more than one provider: begun on a keyring, gone on with under KMS, then moved there. It is
// proved by whatever opens it, and what is missing is said by name.

const now = Date.now;
const issue = claimIssuer();
const home = freshDirectory();
const place = (tenant: string) => ({ tenant, subject: '', table: 't', record: 'r', field: 'f', epoch: 0 });
let stage: KmsStage;
let keyring: KeyProvider;
let stranger: KeyProvider;
let kms: KeyProvider;
const env = envKey(randomBytes(32).toString('hex'));

const ringIn = (file: string): Promise<KeyProvider> =>
  openKeyring({ file: join(home.path, file), mayCreate: true, now });

beforeAll(async () => {
  stage = await openKmsStage();
  keyring = await ringIn('keyring.json');
  stranger = await ringIn('another.json');
  kms = openKms({ keyId: await stage.makeKey(), service: 'sealgate', ...stage.connection });
});
afterAll(async () => {
  await Promise.all([keyring, stranger, kms, env].map((each) => each.close()));
  await stage.close();
  home.remove();
});

/** How far the deployment had come when it was exported. */
type Stand = 'beside' | 'moving' | 'settled';

interface Made {
  readonly directory: string;
  readonly manifest: Manifest;
}

/** The deployment and `g1` begin under the keyring, `g2` under KMS; then all of it moves there, or not. */
async function exportAt(stand: Stand): Promise<Made> {
  const [source, out] = [freshDirectory(), freshDirectory()];
  const tables = fileTables(source.path);
  const first = await openSealer({ tables, provider: keyring, now });
  await first.seal('token', place('g1'), Buffer.from('x'));
  await first.close();
  const sealer = await openSealer({ tables, provider: kms, opening: [keyring], now });
  await sealer.seal('token', place('g2'), Buffer.from('x'));
  const kinds = { beside: [], moving: ['move'], settled: ['move', 'settle'] } as const;
  for (const kind of kinds[stand]) {
    const work = { kind, to: 'kms' } as const;
    const receipt = issue('entry', actOf(work), keysOf('*'));
    expect(await sealer.administration.work(receipt, work, { settleMs: 0 })).toMatchObject({ failures: [] });
  }
  const directory = out.path;
  const written = await exportTables({ source: tables, directory, now, progress: quiet, alone: true });
  const { deployment } = sealer;
  const manifest = signManifest(sealer, manifestOf(written, { deployment, keyProvider: 'kms' }));
  await sealer.close();
  await tables.close();
  source.remove();
  return { directory, manifest };
}

const prove = ({ directory, manifest }: Made, provider: KeyProvider, ...opening: KeyProvider[]) =>
  proveExport({
    directory,
    manifest,
    now,
    openRoots: async () => ({ provider, opening, close: async () => undefined }),
  });
const missing = (names: string) => ({
  code: 'key_unavailable',
  message: expect.stringContaining(`wrapped by ${names}, which is not set up here`) as string,
});
const foreign = { code: 'key_unavailable', message: expect.stringContaining('does not belong') as string };

describe('whose own key lies under the provider that was active before', () => {
  let made: Made;
  beforeAll(async () => void (made = await exportAt('beside')));

  test('is proved by both, whichever of them is for new tenants', async () => {
    await prove(made, kms, keyring);
    await prove(made, keyring, kms);
    await prove(made, env, kms, keyring);
  });

  test('is refused by the name of the one that is missing, also when its own key opens', async () => {
    await expect(prove(made, kms)).rejects.toMatchObject(missing('keyring'));
    await expect(prove(made, keyring)).rejects.toMatchObject(missing('kms'));
    await expect(prove(made, env)).rejects.toMatchObject(missing('keyring, and others by kms'));
  });

  test('is refused with another keyring, and with another key of KMS', async () => {
    await expect(prove(made, kms, stranger)).rejects.toMatchObject(foreign);
    const other = openKms({ keyId: await stage.makeKey(), service: 'sealgate', ...stage.connection });
    const settled = await exportAt('settled');
    await expect(prove(settled, other)).rejects.toMatchObject(foreign);
    await other.close();
  });

  test('is refused when it was signed for something else', async () => {
    const manifest = { ...made.manifest, keyProvider: 'keyring' };
    await expect(prove({ ...made, manifest }, kms, keyring)).rejects.toMatchObject({
      code: 'export_invalid',
    });
  });
});

describe('that was made in the middle of a move, with two wraps of every key', () => {
  let made: Made;
  beforeAll(async () => void (made = await exportAt('moving')));

  test('is proved by the provider it moves to alone, and by both', async () => {
    await prove(made, kms);
    await prove(made, kms, keyring);
    await prove(made, keyring, kms);
  });

  test('is not proved by the one it comes from: what began under the other has one wrap', async () => {
    await expect(prove(made, keyring)).rejects.toMatchObject(missing('kms'));
    await expect(prove(made, env)).rejects.toMatchObject(missing('kms, and others by kms or keyring'));
  });

  test('is proved through the second wrap when the first one’s provider does not answer', async (context) => {
    if (stage.peer === undefined) return context.skip();
    await stage.peer.stop();
    try {
      await prove(made, kms, keyring);
    } finally {
      await stage.peer.resume();
    }
  });
});

test('that was made after the move was settled needs the new provider, and the old one no more', async () => {
  const made = await exportAt('settled');
  await prove(made, kms);
  await expect(prove(made, keyring)).rejects.toMatchObject(missing('kms'));
});
