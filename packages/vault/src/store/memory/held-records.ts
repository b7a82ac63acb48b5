import type { StoredRecord } from '../records.ts';

// What the memory holds under each name, a record or a bar. No timer: what has ended is dropped when it is met, and every
// write looks at a few more, in turn, so that those nobody meets go too.

/** Records and bars by name. Names are checked already; what is handed in is kept as it is. */
export interface HeldRecords {
  living(name: string): StoredRecord | undefined;
  /** End of the bar on the name; `undefined` when it is not barred. */
  barredUntilMs(name: string): number | undefined;
  hold(name: string, record: StoredRecord): void;
  bar(name: string, untilMs: number): void;
  drop(name: string): void;
  /** Look at a few names, in turn, and drop what has ended. */
  sweep(): void;
  ownedBy(owner: string): Iterable<string>;
  names(): Iterable<string>;
  /** Names held, ended ones that are not dropped yet among them. */
  size(): number;
  clear(): void;
}

interface Held {
  /** `undefined`: a bar. */
  readonly record: StoredRecord | undefined;
  readonly endsAtMs: number;
}

/** More than a write adds, so that sweeping keeps ahead. */
const sweptByWrite = 8;

/** @param now milliseconds since 1970 */
export function heldRecords(now: () => number): HeldRecords {
  const held = new Map<string, Held>();
  const owned = new Map<string, Set<string>>();
  let turn = held.entries();
  const drop = (name: string): void => {
    for (const owner of held.get(name)?.record?.owners ?? []) {
      const names = owned.get(owner);
      names?.delete(name);
      if (names?.size === 0) owned.delete(owner);
    }
    held.delete(name);
  };
  const put = (name: string, one: Held): void => {
    drop(name);
    held.set(name, one);
    for (const owner of one.record?.owners ?? []) owned.set(owner, (owned.get(owner) ?? new Set()).add(name));
  };
  const met = (name: string): Held | undefined => {
    const found = held.get(name);
    if (found === undefined || found.endsAtMs > now()) return found;
    drop(name);
    return undefined;
  };
  const isBar = (found: Held | undefined): found is Held => found !== undefined && found.record === undefined;
  return {
    living: (name) => met(name)?.record,
    barredUntilMs(name) {
      const found = met(name);
      return isBar(found) ? found.endsAtMs : undefined;
    },
    hold: (name, record) => put(name, { record, endsAtMs: record.endsAtMs }),
    bar: (name, untilMs) => put(name, { record: undefined, endsAtMs: untilMs }),
    drop,
    sweep() {
      for (let looked = 0; looked < sweptByWrite; looked += 1) {
        const next = turn.next();
        if (next.done !== true) met(next.value[0]);
        else turn = held.entries();
      }
    },
    ownedBy: (owner) => owned.get(owner) ?? [],
    names: () => held.keys(),
    size: () => held.size,
    clear() {
      held.clear();
      owned.clear();
    },
  };
}
