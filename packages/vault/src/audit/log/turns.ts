// Sealing shares its thread with those who serve: after some 8 ms of work others have their turn.

/** Let others have their turn. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** So many lines are about 8 ms of work. */
export const linesPerTurn = 256;

/** Counts work, and lets others have their turn when it is enough. */
export function openTurns(): (lines: number) => Promise<void> {
  let done = 0;
  return async (lines) => {
    done += lines;
    if (done < linesPerTurn) return;
    done = 0;
    await turn();
  };
}

/** Runs pieces of work one behind the other. */
export function oneBehindTheOther(): <V>(work: () => Promise<V>) => Promise<V> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const done = last.then(work, work);
    last = done.catch(() => undefined);
    return done;
  };
}
