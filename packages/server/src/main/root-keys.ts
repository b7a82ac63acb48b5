import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { addKeyringKey, everyItem, type KeyProvider, type Tables } from '@sealgate/vault';
import type { AppConfig } from '../config.ts';
import { openRootKey } from './root-key.ts';

/** The providers of a deployment. */
export interface RootKeys {
  /** Wraps the first key of every new tenant. */
  readonly provider: KeyProvider;
  /** The others, which open what they wrapped before. */
  readonly opening: readonly KeyProvider[];
  close(): Promise<void>;
}

/**
 * Open every root key that the configuration names, and a keyring that lies in the data directory.
 *
 * @throws Refusal `key_unavailable`, `key_weak`
 */
export async function openRootKeys(
  { keys, openingKeys, dataDirectory }: Pick<AppConfig, 'keys' | 'openingKeys' | 'dataDirectory'>,
  tables: Tables,
  now: () => number,
): Promise<RootKeys> {
  const keyring = { provider: 'keyring' } as const;
  const kept =
    keys.provider !== 'keyring' && existsSync(join(dataDirectory, 'keyring.json')) ? [keyring] : [];
  const opened: KeyProvider[] = [];
  const close = async (): Promise<void> => {
    for (const provider of opened.toReversed()) await provider.close();
  };
  try {
    // The others first: a keyring is made only where none of the data is under an old one.
    for (const choice of [...openingKeys, ...kept])
      opened.push(await openRootKey(choice, dataDirectory, { tables, now, mayCreate: false }));
    const mayCreate = keys.provider === 'keyring' && !(await needsKeyring(tables, opened));
    const provider = await openRootKey(keys, dataDirectory, { tables, now, mayCreate });
    const opening = [...opened];
    opened.push(provider);
    return { provider, opening, close };
  } catch (error) {
    await close();
    throw error;
  }
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
