import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { addKeyringKey, everyItem, type KeyProvider, type Tables } from '@sealgate/vault';
import type { AppConfig, KeyChoice } from '../config.ts';
import { openRootKey } from './root-key.ts';

/** The providers of a deployment. */
export interface RootKeys {
  /** Wraps the first key of every new tenant. */
  readonly provider: KeyProvider;
  /** The others, which open what they wrapped before. */
  readonly opening: readonly KeyProvider[];
  close(): Promise<void>;
}

type RootConfig = Pick<AppConfig, 'keys' | 'openingKeys' | 'dataDirectory'>;

/**
 * Open every root key that the configuration names, and a keyring that lies in the data directory.
 *
 * @throws Refusal `key_unavailable`, `key_weak`
 */
export function openRootKeys(config: RootConfig, tables: Tables, now: () => number): Promise<RootKeys> {
  const { keys, openingKeys } = config;
  return opened(config, { tables, now }, async (open) => {
    const opening: KeyProvider[] = [];
    // The others first: a keyring is made only where none of the data is under an old one.
    for (const choice of [...openingKeys, ...keptKeyring(config)]) opening.push(await open(choice, false));
    const mayCreate = keys.provider === 'keyring' && !(await needsKeyring(tables, opening));
    return [await open(keys, mayCreate), ...opening];
  });
}

/**
 * The same with those root keys that are there: a keyring is never made, and one that is missing is none of them as long as
 * there is another root key.
 *
 * @throws Refusal `key_unavailable`, `key_weak`
 */
export function openRootsThere(config: RootConfig, tables: Tables, now: () => number): Promise<RootKeys> {
  const { keys, openingKeys } = config;
  const lacking = keys.provider === 'keyring' && openingKeys.length > 0 && !hasKeyring(config);
  return opened(config, { tables, now }, async (open) => {
    const opening: KeyProvider[] = [];
    for (const choice of [...(lacking ? [] : [keys]), ...openingKeys, ...keptKeyring(config)])
      opening.push(await open(choice, false));
    return opening;
  });
}

type OpenRoot = (choice: KeyChoice, mayCreate: boolean) => Promise<KeyProvider>;

/** All of them or none. @param work gives the active one first */
async function opened(
  { dataDirectory }: RootConfig,
  parts: { readonly tables: Tables; readonly now: () => number },
  work: (open: OpenRoot) => Promise<readonly KeyProvider[]>,
): Promise<RootKeys> {
  const closing: KeyProvider[] = [];
  const close = async (): Promise<void> => {
    for (const provider of closing.toReversed()) await provider.close();
  };
  try {
    const [provider, ...opening] = await work(async (choice, mayCreate) => {
      const root = await openRootKey(choice, dataDirectory, { ...parts, mayCreate });
      closing.push(root);
      return root;
    });
    if (provider === undefined) throw new Error('a configuration names a root key');
    return { provider, opening, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function hasKeyring({ dataDirectory }: Pick<RootConfig, 'dataDirectory'>): boolean {
  return existsSync(join(dataDirectory, 'keyring.json'));
}

/** A keyring that another provider has taken the place of. */
function keptKeyring(config: RootConfig): readonly KeyChoice[] {
  return config.keys.provider !== 'keyring' && hasKeyring(config) ? [{ provider: 'keyring' }] : [];
}

/** Put a fresh root key into the keyring of a data directory; nothing where there is none. @throws Refusal `key_unavailable` */
export async function freshRoot(dataDirectory: string, now: () => number): Promise<void> {
  const file = join(dataDirectory, 'keyring.json');
  if (existsSync(file)) await addKeyringKey({ file, now });
}

/** Whether a tenant's key may be under a keyring: its row says so, or names nobody and no other provider has its root key. */
async function needsKeyring(tables: Tables, others: readonly KeyProvider[]): Promise<boolean> {
  const described = await Promise.all(others.map((provider) => provider.describe()));
  const held = new Set(described.flat().map(({ keyRef }) => keyRef));
  for await (const { provider, keyRef } of everyItem(tables, 'tenant_keys')) {
    if (keyRef === undefined) continue;
    if (provider === 'keyring') return true;
    if (provider === undefined && (typeof keyRef !== 'string' || !held.has(keyRef))) return true;
  }
  return false;
}
