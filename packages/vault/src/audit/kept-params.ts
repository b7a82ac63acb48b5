import {
  paramsBytesMax,
  redactionOf,
  untaggedText,
  type Redaction,
  type RedactionPolicy,
  type TagOf,
} from './leaf/redaction.ts';

// Parameters on their way into an entry. The keys they are tagged with are the tenant's, and lie in memory for minutes; when
// they have to be opened first, a call waits for them as it does for its credential, but not for long. Without them nothing
// of the parameters is kept but how long they were: an entry is never held up, and nothing is ever written in clear instead.

/** Parameters after redaction. */
export interface KeptParams {
  /** Version of the policy. */
  readonly policy: number;
  /** Canonical JSON of at most so many bytes. */
  within(bytesMax: number): string;
}

/**
 * The key that a tenant's parameters are tagged with: at once when it lies in memory. `undefined` when it was destroyed. What
 * rejects or takes too long: there is none now.
 */
export type TagsOf = (tenant: string) => TagOf | Promise<TagOf | undefined>;

/** What is kept of parameters. Never rejects. */
export type ParamsKeeper = (
  tenant: string,
  params: unknown,
  policy?: RedactionPolicy,
) => KeptParams | Promise<KeptParams>;

/** Every value becomes a tag. */
export const strictPolicy: RedactionPolicy = { version: 1, fields: {} };

const waitMs = 1000;

/** @param options.waitMs how long keys are waited for, 1000 when not given */
export function paramsKeeper(tagsOf: TagsOf, options: { readonly waitMs?: number } = {}): ParamsKeeper {
  // Policies are few, and are the same objects again and again.
  const redactions = new WeakMap<RedactionPolicy, Redaction>();
  const redactionBy = (policy: RedactionPolicy): Redaction => {
    const made = redactions.get(policy) ?? redactionOf(policy);
    redactions.set(policy, made);
    return made;
  };
  return (tenant, params, policy = strictPolicy) => {
    const kept = (tagOf: TagOf | undefined): KeptParams => ({
      policy: policy.version,
      within(bytesMax) {
        const redact = tagOf && redactionBy(policy);
        return redact?.(params, tagOf!, Math.min(bytesMax, paramsBytesMax)) ?? untaggedText(params) ?? 'null';
      },
    });
    const tags = tagsOf(tenant);
    return typeof tags === 'function' ? kept(tags) : inTime(tags, options.waitMs ?? waitMs).then(kept);
  };
}

async function inTime(tags: Promise<TagOf | undefined>, ms: number): Promise<TagOf | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => (timer = setTimeout(() => resolve(undefined), ms)));
  try {
    return await Promise.race([tags.catch(() => undefined), late]);
  } finally {
    clearTimeout(timer);
  }
}
