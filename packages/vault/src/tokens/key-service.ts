import type { KeyProvider } from '../keys/provider.ts';
import type { KmsAddress } from './environment.ts';

/**
 * AWS KMS. Loaded when it is needed: whoever brings another key service need not have its client. A token may name any key:
 * what names it is sealed.
 */
export async function openKeyService(
  { keyId, region, endpoint, credentials }: KmsAddress,
  service: string,
): Promise<KeyProvider> {
  const { openKms } = await import('../keys/kms/open-kms.ts');
  return openKms({ keyId, service, region, endpoint, credentials, namedKeys: true });
}
