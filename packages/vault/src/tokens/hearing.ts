/** Whoever waits for a token that is made elsewhere. */
export interface Hearing {
  /** Something is known of the record; `undefined`: of any. */
  tell(record: string | undefined): void;
  /** Resolves when it is told of, or after so many milliseconds. */
  wait(record: string, waitMs: number): Promise<void>;
}

/** Nobody waits yet. */
export function hearing(): Hearing {
  const waiting = new Map<string, Set<() => void>>();
  const wake = (record: string): void => {
    for (const resolve of waiting.get(record) ?? []) resolve();
  };
  return {
    tell(record) {
      if (record !== undefined) wake(record);
      else for (const each of waiting.keys()) wake(each);
    },
    wait: (record, waitMs) =>
      new Promise((resolve) => {
        const all = waiting.get(record) ?? new Set();
        waiting.set(record, all);
        const end = (): void => {
          clearTimeout(timer);
          all.delete(end);
          if (all.size === 0 && waiting.get(record) === all) waiting.delete(record);
          resolve();
        };
        const timer = setTimeout(end, waitMs);
        all.add(end);
      }),
  };
}
