import { createHmac, createSecretKey } from 'node:crypto';
import { refuse } from '../refusal.ts';

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
    return createHmac('sha256', secret).update(`${purpose.length}:${purpose}${name}`).digest('base64url');
  };
}
