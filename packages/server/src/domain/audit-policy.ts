import { createHash } from 'node:crypto';
import { strictPolicy, type RedactionPolicy, type RedactionRule } from '@sealgate/vault';
import type { UpstreamAudit } from './upstream.ts';

// What the log keeps of the parameters of calls, as the operator said it of an upstream. Every policy has a number of its
// own, made of what it says: whoever reads an entry sees whether two were redacted by the same one.

type Fields = Readonly<Record<string, RedactionRule>>;

const known = new WeakMap<UpstreamAudit, Map<string, RedactionPolicy>>();

/**
 * The policy for a call.
 *
 * @param tool the tool or prompt; `undefined` for what is neither
 * @returns `undefined`: nothing is kept in clear
 */
export function policyOf(
  audit: UpstreamAudit | undefined,
  tool: string | undefined,
): RedactionPolicy | undefined {
  if (audit === undefined) return undefined;
  const { fields = {}, tools = {} } = audit;
  // Names that callers make up must not fill the memory.
  const own = tool !== undefined && Object.hasOwn(tools, tool) ? tool : undefined;
  const policies = known.get(audit) ?? new Map<string, RedactionPolicy>();
  known.set(audit, policies);
  const made = policies.get(own ?? '');
  if (made !== undefined) return made;
  const policy = numbered({ ...fields, ...(own === undefined ? {} : tools[own]?.fields) });
  policies.set(own ?? '', policy);
  return policy;
}

function numbered(fields: Fields): RedactionPolicy {
  const entries = Object.entries(fields).toSorted(([a], [b]) => (a < b ? -1 : 1));
  if (entries.length === 0) return strictPolicy;
  const digest = createHash('sha256').update(JSON.stringify(entries)).digest();
  // 1 is the policy that keeps nothing in clear.
  return { version: 2 + (digest.readUInt32BE() % (2 ** 32 - 2)), fields };
}
