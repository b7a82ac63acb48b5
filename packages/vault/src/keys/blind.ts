import { createSecretKey } from 'node:crypto';
import { refuse } from '../refusal.ts';
import { hmacSha256 } from '../seal/keyed-sha256.ts';

/**
 * Names that nobody can read or guess: HMAC-SHA-256 under the deployment's blind key.
 *
 * @param key 32 bytes, taken over and wiped
 */
export function blinder(key: Buffer): (purpose: string, name: string) => string {
  const secret = createSecretKey(key);
  key.fill(0);
  return (purpose, name) => {
    if (!purpose.isWellFormed() || !name.isWellFormed())
      throw refuse('context_invalid', 'a name to be blinded is not well-formed text');
    // The length in front keeps `a` + `bc` apart from `ab` + `c`.
    return hmacSha256(secret, `${purpose.length}:${purpose}${name}`);
  };
}
