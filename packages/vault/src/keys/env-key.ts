import type { Random } from '../seal/key-bytes.ts';
import { decodeKeyText } from './key-text.ts';
import type { KeyProvider } from './provider.ts';
import { rootKeys } from './root-keys.ts';
import { refuseWeakKey } from './weak-key.ts';

/**
 * The provider `env`: one root key from `TOKEN_ENCRYPTION_KEY`, 32 bytes in base64, base64url or hex.
 *
 * @throws Refusal `key_weak`
 */
export function envKey(text: string, random?: Random): KeyProvider {
  const bytes = decodeKeyText(text, 'TOKEN_ENCRYPTION_KEY');
  refuseWeakKey(bytes, 'TOKEN_ENCRYPTION_KEY');
  const roots = [{ bytes, createdAtMs: undefined }] as const;
  return rootKeys({ name: 'env', roots, ...(random === undefined ? {} : { random }) });
}
