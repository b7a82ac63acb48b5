// The time a call may take is the upstream's. While the upstream waits for an answer of the client (sampling, elicitation,
// roots) the clock stands still: a person may think as long as the front lets them.

/** The clocks of one link. */
export interface Patience {
  /** Hold every clock while this is under way. */
  during<T>(asking: Promise<T>): Promise<T>;
  /** Call `onOver` once `timeoutMs` have passed in which nobody was being asked. Returns how to stop the clock. */
  limit(timeoutMs: number, onOver: () => void): () => void;
}

/** @param now milliseconds, of a clock that never goes back */
export function openPatience(now: () => number = () => performance.now()): Patience {
  let asking = 0;
  let lastAnsweredMs = -Infinity;
  return {
    async during(asked) {
      asking += 1;
      try {
        return await asked;
      } finally {
        asking -= 1;
        lastAnsweredMs = now();
      }
    },
    limit(timeoutMs, onOver) {
      const check = (): void => {
        const restMs = asking > 0 ? timeoutMs : lastAnsweredMs + timeoutMs - now();
        if (restMs > 0) timer = setTimeout(check, restMs);
        else onOver();
      };
      let timer = setTimeout(check, timeoutMs);
      return () => clearTimeout(timer);
    },
  };
}
