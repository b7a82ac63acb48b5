import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { context, type Way } from './seal-ways.ts';

// The AWS Encryption SDK with its cache of data keys, over a raw AES keyring, so that no key service is asked: its best case.
// It has an install of its own (`npm ci --prefix bench/judges`); without it there is nothing to compare with, and it is said.

const require = createRequire(new URL('judges/package.json', import.meta.url));

interface EncryptionSdk {
  buildClient(policy: string): {
    encrypt(materials: object, plaintext: Buffer, options: object): Promise<{ readonly result: Buffer }>;
    decrypt(materials: object, message: Buffer): Promise<{ readonly plaintext: Buffer }>;
  };
  readonly CommitmentPolicy: Readonly<Record<string, string>>;
  readonly AlgorithmSuiteIdentifier: Readonly<Record<string, number>>;
  readonly RawAesWrappingSuiteIdentifier: Readonly<Record<string, unknown>>;
  readonly RawAesKeyringNode: new (options: object) => object;
  readonly NodeCachingMaterialsManager: new (options: object) => object;
  getLocalCryptographicMaterialsCache(capacity: number): object;
}

const suites = {
  'AWS Encryption SDK': 'ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY_ECDSA_P384',
  'AWS Encryption SDK, unsigned': 'ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY',
} as const;

/** Names of its ways: with its defaults, which sign every message, and without signatures. */
export const judgeNames = Object.keys(suites) as readonly (keyof typeof suites)[];

/** The SDK, or why it is not there. */
export function openJudge(): ((plaintext: Buffer) => Promise<readonly Way[]>) | string {
  let sdk: EncryptionSdk;
  try {
    sdk = require('@aws-crypto/client-node') as EncryptionSdk;
  } catch (error) {
    return `the AWS Encryption SDK is left out: npm ci --prefix bench/judges (${String(error).split('\n')[0]})`;
  }
  return (plaintext) => Promise.all(judgeNames.map((name) => wayOf(sdk, name, plaintext)));
}

async function wayOf(sdk: EncryptionSdk, name: keyof typeof suites, plaintext: Buffer): Promise<Way> {
  const { encrypt, decrypt } = sdk.buildClient(sdk.CommitmentPolicy['REQUIRE_ENCRYPT_REQUIRE_DECRYPT'] ?? '');
  const keyring = new sdk.RawAesKeyringNode({
    keyName: 'bench',
    keyNamespace: 'bench',
    unencryptedMasterKey: Uint8Array.from(randomBytes(32)),
    wrappingSuite: sdk.RawAesWrappingSuiteIdentifier['AES256_GCM_IV12_TAG16_NO_PADDING'],
  });
  const materials = new sdk.NodeCachingMaterialsManager({
    backingMaterials: keyring,
    cache: sdk.getLocalCryptographicMaterialsCache(100),
    maxAge: 300_000,
  });
  const options = {
    suiteId: sdk.AlgorithmSuiteIdentifier[suites[name]],
    encryptionContext: context,
    // Without it every message takes another way through its cache, or none.
    plaintextLength: plaintext.length,
  };
  const { result } = await encrypt(materials, plaintext, options);
  const opened = await decrypt(materials, result);
  if (!opened.plaintext.equals(plaintext)) throw new Error(`${name} does not give back what it was given`);
  return {
    name,
    seal: () => encrypt(materials, plaintext, options),
    open: () => decrypt(materials, result),
    waits: true,
    share: 1 / 50,
  };
}
