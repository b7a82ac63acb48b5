import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { refuse } from '../refusal.ts';
import { fromText, toText } from '../seal/text-form.ts';
import type { Tables } from '../store/tables.ts';
import { secretPlace, type DeploymentSecret } from './deployment.ts';
import type { Sealer } from './sealer.ts';

// Ed25519 keys (RFC 8032) by which strangers know what this deployment has stated: each made once, at its first use, and
// sealed like the other secrets of the deployment.
//
//   deployment: name · key (PKCS #8, sealed under tenant `_system`) · createdAtMs

/** What the keys are kept in. */
export interface SigningParts {
  readonly tables: Tables;
  readonly sealer: Pick<Sealer, 'seal' | 'open'>;
  readonly now: () => number;
}

/**
 * A signing key of the deployment; of racing processes all get the same.
 *
 * @throws Refusal `open_failed` or `key_unavailable` when it does not open, `store_unavailable`
 */
export async function openDeploymentKey(parts: SigningParts, secret: DeploymentSecret): Promise<KeyObject> {
  const { tables, sealer } = parts;
  const sealed = (await read(tables, secret)) ?? (await mint(parts, secret), await read(tables, secret));
  if (sealed === undefined) throw refuse('store_unavailable', 'the signing key could not be kept');
  const bytes = await sealer.open('system', secretPlace(secret), fromText(sealed));
  try {
    return createPrivateKey({ key: bytes, format: 'der', type: 'pkcs8' });
  } finally {
    bytes.fill(0);
  }
}

async function read(tables: Tables, { name, attribute }: DeploymentSecret): Promise<string | undefined> {
  const sealed = (await tables.get('deployment', { name }))?.item[attribute];
  return typeof sealed === 'string' ? sealed : undefined;
}

async function mint({ tables, sealer, now }: SigningParts, secret: DeploymentSecret): Promise<void> {
  const { privateKey } = generateKeyPairSync('ed25519');
  const bytes = privateKey.export({ type: 'pkcs8', format: 'der' });
  try {
    const key = toText(await sealer.seal('system', secretPlace(secret), bytes));
    const row = { name: secret.name, [secret.attribute]: key, createdAtMs: now() };
    await tables.put('deployment', row, { ifAbsent: true });
  } finally {
    bytes.fill(0);
  }
}
