import type { AuditContext } from '@sealgate/vault';
import type { Caller } from '../../caller.ts';
import type { Values } from '../front/target.ts';

/** Who calls a tool of the gateway itself, and how it is noted. */
export interface OwnCall {
  readonly caller: Caller;
  readonly context: AuditContext;
  readonly signal: AbortSignal;
}

/** The gateway's own tools. They have their exact names on the address for all, and none of an upstream's takes one. */
export interface OwnTools {
  /** Tools as `tools/list` gives them, in their order; the caller may call each of them and no other. No name has a `__`. */
  list(caller: Caller): readonly Values[];
  /** @returns a result of `tools/call` @throws ProtocolError, Refusal */
  call(name: string, args: Values, call: OwnCall): Promise<Values>;
}

/** No tools. */
export const noOwnTools: OwnTools = {
  list: () => [],
  call: () => Promise.reject(new Error('a tool that nobody lists was called')),
};
