import type { Caller } from '../../caller.ts';
import type { Upstream } from '../../domain/upstream.ts';
import { refuse } from '../../errors.ts';
import type { Decision, Wish } from '../allow.ts';
import { methodOf } from '../methods.ts';

// Lists and calls ask the same question in the same words, so nothing is listed that cannot be called and nothing can
// be called that is not listed.

/** What decides. */
export type Allow = (wish: Wish) => Decision;

/** One thing of one upstream: a tool or prompt by the upstream's own name, a resource by its address. */
export interface Thing {
  readonly upstream: Upstream;
  /** What would be called with it: `tools/call`, `prompts/get`, `resources/read`. */
  readonly method: string;
  readonly name: string | undefined;
}

/** Whether the caller sees the upstream at all. */
export function maySee(allow: Allow, caller: Caller, { name }: Upstream): boolean {
  return allow({ caller, upstream: { tenant: caller.tenant, name }, want: 'list' }).allowed;
}

/** Whether the caller may use it. */
export function mayUse(allow: Allow, caller: Caller, thing: Thing): Decision {
  const { upstream, method, name } = thing;
  const call = {
    era: 'modern',
    kind: 'request',
    id: undefined,
    method,
    is: methodOf(method),
    name,
    params: undefined,
    progressToken: undefined,
    mirror: {},
  } as const;
  return allow({ caller, upstream: { tenant: caller.tenant, name: upstream.name }, want: call });
}

/** @throws Refusal with the decision's own code */
export function insist(allow: Allow, caller: Caller, thing: Thing): void {
  const decision = mayUse(allow, caller, thing);
  if (!decision.allowed) throw refuse(decision.code, decision.message);
}
