import type { KeyObject } from 'node:crypto';
import { openDeploymentKey, type SigningParts } from './deployment-key.ts';
import { noteSecret } from './deployment.ts';

/**
 * The Ed25519 key under which checkpoints of the audit log are signed.
 *
 * @throws Refusal `open_failed` or `key_unavailable` when it does not open, `store_unavailable`
 */
export function openNoteKey(parts: SigningParts): Promise<KeyObject> {
  return openDeploymentKey(parts, noteSecret);
}
