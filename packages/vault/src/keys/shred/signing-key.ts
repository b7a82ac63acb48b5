import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { refuse } from '../../refusal.ts';
import { fromText, toText } from '../../seal/text-form.ts';
import type { Tables } from '../../store/tables.ts';
import { secretPlace, signingSecret } from '../deployment.ts';
import type { Sealer } from '../sealer.ts';

// The Ed25519 key (RFC 8032) by which strangers know what this deployment has stated: made once, at its first use, and
// sealed like the other secrets of the deployment.
//
//   deployment: name = `signing_key` · key (PKCS #8, sealed under tenant `_system`) · createdAtMs

const rowKey = { name: signingSecret.name };
const place = secretPlace(signingSecret);

/** What the key is kept in. */
export interface SigningParts {
  readonly tables: Tables;
  readonly sealer: Pick<Sealer, 'seal' | 'open'>;
  readonly now: () => number;
}

/** Signs for the deployment. */
export interface SigningKey {
  /** In PEM (SubjectPublicKeyInfo, RFC 8410), for whoever verifies. */
  readonly publicKey: string;
  /** @returns the Ed25519 signature of the text's UTF-8, in base64 */
  sign(text: string): string;
}

/**
 * The signing key of the deployment; of racing processes all get the same.
 *
 * @throws Refusal `open_failed` or `key_unavailable` when it does not open, `store_unavailable`
 */
export async function openSigningKey({ tables, sealer, now }: SigningParts): Promise<SigningKey> {
  const sealed = (await read(tables)) ?? (await mint({ tables, sealer, now }), await read(tables));
  if (sealed === undefined) throw refuse('store_unavailable', 'the signing key could not be kept');
  const bytes = await sealer.open('system', place, fromText(sealed));
  const key = privateKeyOf(bytes);
  return {
    publicKey: createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString(),
    sign: (text) => sign(undefined, Buffer.from(text), key).toString('base64'),
  };
}

function privateKeyOf(bytes: Buffer): KeyObject {
  try {
    return createPrivateKey({ key: bytes, format: 'der', type: 'pkcs8' });
  } finally {
    bytes.fill(0);
  }
}

async function read(tables: Tables): Promise<string | undefined> {
  const sealed = (await tables.get('deployment', rowKey))?.item['key'];
  return typeof sealed === 'string' ? sealed : undefined;
}

async function mint({ tables, sealer, now }: SigningParts): Promise<void> {
  const { privateKey } = generateKeyPairSync('ed25519');
  const bytes = privateKey.export({ type: 'pkcs8', format: 'der' });
  try {
    const key = toText(await sealer.seal('system', place, bytes));
    await tables.put('deployment', { ...rowKey, key, createdAtMs: now() }, { ifAbsent: true });
  } finally {
    bytes.fill(0);
  }
}
