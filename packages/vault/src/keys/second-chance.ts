// A bounded map that lets go of what was not used lately (the "clock" rule). A hit sets a flag and moves nothing, so
// it costs a look-up; an entry that was used since the last pass gets one more round before it goes.

/** A bounded map. Whatever leaves it, for whatever reason, is given to `onDrop` once. */
export interface SecondChance<V> {
  readonly size: number;
  /** Counts as a use. */
  get(key: string): V | undefined;
  /** Replaces, and drops, what lay there; drops another entry when full. */
  set(key: string, value: V): void;
  delete(key: string): void;
  clear(): void;
  entries(): Iterable<readonly [string, V]>;
}

/** @param max how many entries are kept */
export function secondChance<V>(max: number, onDrop: (value: V, key: string) => void): SecondChance<V> {
  const slots = new Map<string, { value: V; used: boolean }>();
  const remove = (key: string): void => {
    const slot = slots.get(key);
    if (slot === undefined) return;
    slots.delete(key);
    onDrop(slot.value, key);
  };
  const makeRoom = (): void => {
    for (const [key, slot] of slots) {
      if (slots.size < max) return;
      slots.delete(key);
      if (slot.used) slots.set(key, { value: slot.value, used: false });
      else onDrop(slot.value, key);
    }
  };
  return {
    get size() {
      return slots.size;
    },
    get(key) {
      const slot = slots.get(key);
      if (slot === undefined) return undefined;
      slot.used = true;
      return slot.value;
    },
    set(key, value) {
      remove(key);
      makeRoom();
      slots.set(key, { value, used: false });
    },
    delete: remove,
    clear() {
      for (const key of slots.keys()) remove(key);
    },
    *entries() {
      for (const [key, { value }] of slots) yield [key, value] as const;
    },
  };
}
