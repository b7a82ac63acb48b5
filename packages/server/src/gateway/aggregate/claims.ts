import type { Caller } from '../../caller.ts';

// Whose is a task, or a resource that no list shows? What an upstream once answered for is remembered for the person
// who asked. The first one keeps it: an upstream that hands out the task id of another must not get what follows.
// So each upstream has so many claims with each person, and past that loses its own oldest, not another's.
const claimsMax = 1000;
const idCharactersMax = 2048;
const peopleMax = 10_000;

/** Which upstream answers for an id. Forgotten with the process, or past 1000 of one upstream; then it is asked again. */
export interface Claims {
  /** Remember, unless another upstream answers for it already. */
  claim(kind: 'task' | 'uri', id: string, upstream: string): void;
  /** The upstream's name. */
  of(kind: 'task' | 'uri', id: string): string | undefined;
}

/** The claims of everybody, each person's apart. */
export function openClaims(): (caller: Pick<Caller, 'tenant' | 'subject'>) => Claims {
  const people = new Map<string, Personal>();
  return ({ tenant, subject }) => {
    const person = JSON.stringify([tenant, subject]);
    const personal = people.get(person) ?? { upstreams: new Map(), keys: new Map() };
    // The one who came last is forgotten last.
    people.delete(person);
    people.set(person, personal);
    if (people.size > peopleMax) people.delete(people.keys().next().value!);
    return claimsIn(personal);
  };
}

interface Personal {
  readonly upstreams: Map<string, string>;
  readonly keys: Map<string, Set<string>>;
}

function claimsIn({ upstreams, keys }: Personal): Claims {
  const keyOf = (kind: string, id: string): string => `${kind} ${id}`;
  return {
    claim(kind, id, upstream) {
      const key = keyOf(kind, id);
      if (id.length > idCharactersMax || upstreams.has(key)) return;
      upstreams.set(key, upstream);
      const own = keys.get(upstream) ?? new Set();
      keys.set(upstream, own.add(key));
      const [oldest] = own;
      if (oldest === undefined || own.size <= claimsMax) return;
      own.delete(oldest);
      upstreams.delete(oldest);
    },
    of: (kind, id) => upstreams.get(keyOf(kind, id)),
  };
}
