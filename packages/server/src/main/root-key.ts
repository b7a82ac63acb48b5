import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  envKey,
  hkdfRoot,
  openKeyring,
  passphraseKey,
  passphraseSettings,
  type KeyProvider,
  type Tables,
} from '@sealgate/vault';
import type { KeyChoice, TransitChoice } from '../config.ts';
import { refuse } from '../errors.ts';
import { loadKms } from './kms.ts';

/** What a root key is opened with. */
export interface RootKeyParts {
  readonly tables: Tables;
  readonly now: () => number;
  /** Whether a keyring may be made that is not there. */
  readonly mayCreate: boolean;
}

/** Open one root key. @throws Refusal `config_invalid`, `key_unavailable`, `key_weak` */
export async function openRootKey(
  choice: KeyChoice,
  dataDirectory: string,
  { tables, now, mayCreate }: RootKeyParts,
): Promise<KeyProvider> {
  switch (choice.provider) {
    case 'keyring':
      return openKeyring({
        file: join(dataDirectory, 'keyring.json'),
        mayCreate,
        now,
      });
    case 'env':
      return envKey(choice.secret.reveal());
    case 'hkdf':
      return hkdfRoot(choice.secret.reveal());
    case 'passphrase':
      return passphraseKey(choice.secret.reveal(), await passphraseSettings(tables));
    case 'kms':
      return (await loadKms()).openKms(choice);
    case 'transit':
      return openTransitKey(choice, now);
  }
}

async function openTransitKey(choice: TransitChoice, now: () => number): Promise<KeyProvider> {
  const { address, namespace, caFile, mount, key, logIn } = choice;
  const ca = caFile === undefined ? undefined : await certificates(caFile);
  // Loaded when it is chosen.
  const { openTransit } = await import('@sealgate/vault/transit');
  return openTransit({
    address,
    namespace,
    ca,
    mount,
    key,
    now,
    logIn:
      'token' in logIn
        ? { token: logIn.token.reveal() }
        : { roleId: logIn.roleId, secretId: logIn.secretId.reveal() },
  });
}

async function certificates(file: string): Promise<string> {
  const content = await readFile(file, 'utf8').catch((error: unknown) => {
    throw refuse('config_invalid', `VAULT_CACERT names a file that cannot be read`, String(error));
  });
  if (content.includes('-----BEGIN CERTIFICATE-----')) return content;
  throw refuse('config_invalid', 'VAULT_CACERT names a file without a certificate in PEM');
}
