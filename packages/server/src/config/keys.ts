// Where the root key lies: the provider that `KEY_PROVIDER` names, or the one whose variable is present.
import type { Values } from './active.ts';
import { kmsOf, type KmsChoice } from './kms.ts';
import { transitOf, type TransitChoice } from './transit.ts';
import { secretOf, type Secret } from './variable.ts';

/** How the root key is reached. */
export type KeyChoice =
  | { readonly provider: 'keyring' }
  | { readonly provider: 'env' | 'passphrase' | 'hkdf'; readonly secret: Secret }
  | KmsChoice
  | TransitChoice;

/** The variables whose presence stands for a provider. */
const signs = {
  env: ['TOKEN_ENCRYPTION_KEY'],
  passphrase: ['TOKEN_ENCRYPTION_PASSPHRASE'],
  hkdf: ['MCP_KMS_KEY'],
  kms: ['KMS_KEY_ARN', 'KMS_KEY_ID'],
  transit: ['VAULT_TRANSIT_KEY'],
} as const;

const secrets = {
  env: 'TOKEN_ENCRYPTION_KEY',
  passphrase: 'TOKEN_ENCRYPTION_PASSPHRASE',
  hkdf: 'MCP_KMS_KEY',
} as const;

/**
 * The provider that `KEY_PROVIDER` names; else the one whose variable is present; else the keyring.
 *
 * @param texts every text that was found
 * @returns the choice, or what stands against it
 */
export function chooseKeys(
  values: Values,
  texts: ReadonlyMap<string, string>,
): KeyChoice | { readonly problem: string } {
  const present = new Map<string, string>();
  for (const [provider, names] of Object.entries(signs)) {
    const found = names.find((name) => texts.has(name));
    if (found !== undefined) present.set(provider, found);
  }
  if (values.KEY_PROVIDER === undefined && present.size > 1)
    return {
      problem: `${[...present.values()].join(' and ')} name several root keys: keep one, or set KEY_PROVIDER`,
    };
  const provider = values.KEY_PROVIDER ?? present.keys().next().value ?? 'keyring';
  if (provider === 'keyring') return { provider };
  if (provider === 'transit') return transitOf(values);
  if (provider === 'kms') return kmsOf(values);
  const local = provider as keyof typeof secrets;
  const value = values[secrets[local]];
  if (value === undefined) return { problem: `KEY_PROVIDER=${provider} needs ${secrets[local]}` };
  return { provider: local, secret: secretOf(secrets[local], value) };
}

/** Root keys that are set although another one is used. */
export function idleKeys(choice: KeyChoice, texts: ReadonlyMap<string, string>): string[] {
  return Object.entries(signs)
    .filter(([provider]) => provider !== choice.provider)
    .flatMap(([, names]) => names.filter((name) => texts.has(name)))
    .map((name) => `${name} is set, but KEY_PROVIDER=${choice.provider} does not read it`);
}
