import { createPublicKey, sign } from 'node:crypto';
import { openDeploymentKey, type SigningParts } from '../deployment-key.ts';
import { signingSecret } from '../deployment.ts';

/** Signs for the deployment. */
export interface SigningKey {
  /** In PEM (SubjectPublicKeyInfo, RFC 8410), for whoever verifies. */
  readonly publicKey: string;
  /** @returns the Ed25519 signature of the text's UTF-8, in base64 */
  sign(text: string): string;
}

/**
 * The key under which receipts are signed.
 *
 * @throws Refusal `open_failed` or `key_unavailable` when it does not open, `store_unavailable`
 */
export async function openSigningKey(parts: SigningParts): Promise<SigningKey> {
  const key = await openDeploymentKey(parts, signingSecret);
  return {
    publicKey: createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString(),
    sign: (text) => sign(undefined, Buffer.from(text), key).toString('base64'),
  };
}
