import type { Caller } from '../caller.ts';
import type { Call } from './call.ts';

/** What somebody wants to do: see an upstream in a list, or pass a call to it. */
export interface Wish {
  readonly caller: Caller;
  /** The upstream and the group it belongs to. */
  readonly upstream: { readonly tenant: string; readonly name: string };
  readonly want: 'list' | Call;
}

/** The answer; `code` and `message` are those of the refusal. */
export type Decision =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly code: 'upstream_unknown'; readonly message: string };

/**
 * May they? Pure, so that a list and a call cannot disagree. An upstream belongs to one group and is that group's to
 * see and to call; to everybody else it looks as if it did not exist.
 */
export function allow({ caller, upstream }: Wish): Decision {
  if (caller.tenant === upstream.tenant) return { allowed: true };
  return {
    allowed: false,
    code: 'upstream_unknown',
    message: `there is no upstream ${JSON.stringify(upstream.name)}`,
  };
}
