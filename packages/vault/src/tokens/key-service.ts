import type { KeyProvider } from '../keys/provider.ts';
import { refuse } from '../refusal.ts';
import type { KmsAddress } from './environment.ts';

/** AWS KMS. @throws Refusal `key_unavailable` */
export async function openKeyService(
  _address: KmsAddress,
  _service: string | undefined,
): Promise<KeyProvider> {
  throw refuse('key_unavailable', 'pending');
}
