import type { Caller } from '../../caller.ts';

// Whose is a task, or a resource that no list shows? What an upstream once answered for is remembered for the person
// who asked. The first one keeps it: an upstream that hands out the task id of another must not get what follows.
const claimsMax = 10_000;

/** Which upstream answers for an id. Forgotten with the process, and the oldest first past 10,000; then it is asked again. */
export interface Claims {
  /** Remember, unless another upstream answers for it already. */
  claim(kind: 'task' | 'uri', id: string, upstream: string): void;
  /** The upstream's name. */
  of(kind: 'task' | 'uri', id: string): string | undefined;
}

/** The claims of everybody, each person's apart. */
export function openClaims(): (caller: Pick<Caller, 'tenant' | 'subject'>) => Claims {
  const claims = new Map<string, string>();
  return ({ tenant, subject }) => {
    const keyOf = (kind: string, id: string): string => JSON.stringify([tenant, subject, kind, id]);
    return {
      claim(kind, id, upstream) {
        const key = keyOf(kind, id);
        if (id.length > 8192 || claims.has(key)) return;
        claims.set(key, upstream);
        if (claims.size > claimsMax) claims.delete(claims.keys().next().value!);
      },
      of: (kind, id) => claims.get(keyOf(kind, id)),
    };
  };
}
