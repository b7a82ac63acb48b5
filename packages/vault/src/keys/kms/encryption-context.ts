import { refuse } from '../../refusal.ts';
import { openFailed } from '../../seal/gcm.ts';
import type { KeyContext } from '../provider.ts';

// What KMS binds to a wrapped key, checks in policies, and writes to CloudTrail: opaque ids, never a name or an address.
//
//   client_id    the tenant, or what the details say
//   deployment   id of the deployment
//   purpose      `tenant` for a tenant's key
//   service      SERVICE_NAME, or what the details say
//   tenant       the tenant, when the details say another client_id
//   version      of the key, six digits
//   …            every other pair of the details

const ours = new Set(['deployment', 'purpose', 'tenant', 'version']);

/**
 * The encryption context of a wrapped key. Different key contexts make different ones, but for a `service` in the details
 * that is the service anyway.
 *
 * @throws Refusal `context_invalid` when the details say what is not theirs to say; `open_failed` for text that is not
 *   well-formed, which would not come back as it was
 */
export function encryptionContext(
  { deployment, tenant, purpose, version, details = {} }: KeyContext,
  service: string,
): Record<string, string> {
  const foreign = Object.keys(details).find((name) => ours.has(name));
  if (foreign !== undefined)
    throw refuse('context_invalid', `a detail of a key context may not be called ${foreign}`);
  const named = Object.hasOwn(details, 'client_id') ? { tenant } : {};
  const pairs = { client_id: tenant, service, ...details, ...named, deployment, purpose, version };
  if (
    !Object.entries(pairs)
      .flat()
      .every((text) => text.isWellFormed())
  )
    throw openFailed('a pair of the encryption context is not well-formed');
  return pairs;
}
