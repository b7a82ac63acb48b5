// A bounded map: what was put longest ago goes first when there is too much of it. Keys begin with what they can be
// dropped by.

/** Values by key, with what each weighs. */
export interface Shelf<T> {
  get(key: string): T | undefined;
  put(key: string, value: T, weight: number): void;
  /** Drop every key that begins so. */
  dropAll(beginning: string): void;
}

/** @param max how many values, and how much weight in all */
export function openShelf<T>(max: { readonly count: number; readonly weight: number }): Shelf<T> {
  const kept = new Map<string, { readonly value: T; readonly weight: number }>();
  let weighs = 0;
  const drop = (key: string): void => {
    weighs -= kept.get(key)?.weight ?? 0;
    kept.delete(key);
  };
  return {
    get: (key) => kept.get(key)?.value,
    put(key, value, weight) {
      drop(key);
      if (weight > max.weight) return;
      kept.set(key, { value, weight });
      weighs += weight;
      for (const oldest of kept.keys()) {
        if (kept.size <= max.count && weighs <= max.weight) break;
        drop(oldest);
      }
    },
    dropAll(beginning) {
      for (const key of kept.keys()) if (key.startsWith(beginning)) drop(key);
    },
  };
}
