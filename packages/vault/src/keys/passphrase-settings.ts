import { randomBytes } from 'node:crypto';
import { refuse } from '../refusal.ts';
import type { Random } from '../seal/key-bytes.ts';
import type { Item, Tables } from '../store/tables.ts';
import { earlierStretching, newStretching, type PassphraseSettings, type Stretching } from './passphrase.ts';

// What a passphrase is stretched with lies beside the data that it opens, in a row that is made once. None of it is a
// secret; it must only stay the same.
//
//   deployment: name = `passphrase_salt` · salt (32 bytes, base64url) · kdf = `argon2id` · memoryKib · passes · lanes
//
// Earlier rows have the salt alone, and stand for PBKDF2.

const row = { name: 'passphrase_salt' } as const;
const saltBytes = 32;

/**
 * The salt and the work of this deployment's passphrase, made now when there are none.
 *
 * @throws Refusal `key_unavailable` when the row is damaged, `store_unavailable`
 */
export async function passphraseSettings(
  tables: Pick<Tables, 'get' | 'put'>,
  random: Random = randomBytes,
): Promise<PassphraseSettings> {
  const known = (await tables.get('deployment', row))?.item;
  if (known !== undefined) return settingsOf(known);
  const salt = Buffer.from(random(saltBytes)).toString('base64url');
  await tables.put('deployment', { ...row, salt, ...newStretching }, { ifAbsent: true });
  // Read back: of several that start together one made it.
  const kept = (await tables.get('deployment', row))?.item;
  if (kept === undefined) throw damaged('it is gone');
  return settingsOf(kept);
}

function settingsOf(item: Item): PassphraseSettings {
  const salt = typeof item['salt'] === 'string' ? Buffer.from(item['salt'], 'base64url') : undefined;
  if (salt === undefined || salt.toString('base64url') !== item['salt']) throw damaged('no salt');
  return { salt, stretching: stretchingOf(item) };
}

function stretchingOf({ kdf, memoryKib, passes, lanes }: Item): Stretching {
  if (kdf === undefined) return earlierStretching;
  if (kdf !== 'argon2id') throw damaged('another kdf');
  if (typeof memoryKib === 'number' && typeof passes === 'number' && typeof lanes === 'number')
    return { kdf, memoryKib, passes, lanes };
  throw damaged('numbers are missing');
}

function damaged(detail: string): Error {
  return refuse(
    'key_unavailable',
    'what the passphrase is stretched with is damaged, or of a newer version; restore the row from a backup',
    `deployment ${row.name}: ${detail}`,
  );
}
