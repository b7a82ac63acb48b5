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
  return choiceOf(values.KEY_PROVIDER ?? present.keys().next().value ?? 'keyring', values);
}

/** Providers beside the one that is named, and a line on each. */
export interface OpeningKeys {
  readonly choices: readonly KeyChoice[];
  readonly remarks: readonly string[];
}

/**
 * Providers whose variables are present where `KEY_PROVIDER` names another. They open what they wrapped before, and a tenant can
 * be moved to them or from them. A keyring needs no variable and is not among them.
 */
export function openingKeys(
  choice: KeyChoice,
  values: Values,
  texts: ReadonlyMap<string, string>,
): OpeningKeys {
  const choices: KeyChoice[] = [];
  const said: string[] = [];
  for (const [provider, names] of Object.entries(signs)) {
    const sign = names.find((name) => texts.has(name));
    if (provider === choice.provider || sign === undefined) continue;
    const other = choiceOf(provider, values);
    const beside = `${sign} is set beside KEY_PROVIDER=${choice.provider}`;
    if ('problem' in other) said.push(`${beside} and is not read: ${other.problem}`);
    else {
      choices.push(other);
      said.push(`${beside}: it opens what it wrapped, and nothing new is wrapped by it`);
    }
  }
  return { choices, remarks: said };
}

function choiceOf(provider: string, values: Values): KeyChoice | { readonly problem: string } {
  if (provider === 'keyring') return { provider };
  if (provider === 'transit') return transitOf(values);
  if (provider === 'kms') return kmsOf(values);
  const local = provider as keyof typeof secrets;
  const value = values[secrets[local]];
  if (value === undefined) return { problem: `KEY_PROVIDER=${provider} needs ${secrets[local]}` };
  return { provider: local, secret: secretOf(secrets[local], value) };
}
