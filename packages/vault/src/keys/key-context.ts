import { refuse } from '../refusal.ts';
import type { DataKey } from '../seal/data-key.ts';
import { openFailed } from '../seal/gcm.ts';
import type { ContextOf } from '../seal/kinds.ts';
import type { KeyContext } from './provider.ts';

// What every provider does with the context before it binds it.

const keyBytes = 32;

/** @throws Refusal `open_failed` when a request speaks of another tenant than its context */
export function sameTenant(tenant: string, context: KeyContext): void {
  if (tenant !== context.tenant) throw openFailed('the tenant differs from the context');
}

/** @throws Refusal `key_weak` for a key of another length than 32 bytes */
export function refuseOtherLength(plaintext: Uint8Array): void {
  if (plaintext.length !== keyBytes) throw refuse('key_weak', `a key has exactly ${keyBytes} bytes`);
}

/**
 * The details as pairs, sorted by the UTF-8 bytes of their names; none when there are none.
 *
 * @throws Refusal `open_failed` for text that is not well-formed, which would not come back as it was
 */
export function sortedDetails({ details = {} }: KeyContext): readonly (readonly [string, string])[] {
  const pairs = Object.entries(details);
  if (!pairs.flat().every((text) => text.isWellFormed())) throw openFailed('a detail is not well-formed');
  return pairs.toSorted(([one], [other]) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
}

/** The details as one text, different for different details; `''` for none. */
export function detailsText(context: KeyContext): string {
  const pairs = sortedDetails(context);
  // JSON of arrays of well-formed texts is injective, and this path is cold.
  return pairs.length === 0 ? '' : JSON.stringify(pairs);
}

/** What a wrap by a key in this process binds: the context, and the key that wraps. */
export function tenantKeyContext(root: DataKey, context: KeyContext): ContextOf<'tenant_key'> {
  return {
    deployment: context.deployment,
    tenant: context.tenant,
    subject: detailsText(context),
    kind: context.purpose,
    suite: String(root.suite),
    version: context.version,
    commitment: Buffer.from(root.commitment).toString('base64url'),
  };
}
