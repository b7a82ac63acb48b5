// When a run happens: one at a time, soon, after a short wait for company, or not before a rest is over.

/** Runs one piece of work again and again, never twice at once. */
export interface Pacer {
  /** Run at the end of this turn of the event loop, so that all that one turn brings leaves together. */
  soon(): void;
  /** Run within `companyMs`. */
  later(): void;
  /** After a failure: no run for `retryMs`, then one. */
  rest(): void;
  /** Run now, rest or not, after the run that is under way. Resolves when done. */
  runNow(): Promise<void>;
  stop(): void;
}

/** @param idle called after each run, to ask for the next one. `run` never rejects. */
export function openPacer(
  run: () => Promise<void>,
  idle: () => void,
  { companyMs, retryMs }: { readonly companyMs: number; readonly retryMs: number },
): Pacer {
  let running: Promise<void> | undefined;
  let immediate: NodeJS.Immediate | undefined;
  let company: NodeJS.Timeout | undefined;
  let rest: NodeJS.Timeout | undefined;

  const unplan = () => {
    clearImmediate(immediate);
    clearTimeout(company);
    clearTimeout(rest);
    immediate = company = rest = undefined;
  };
  const start = () => {
    unplan();
    running = run().finally(() => {
      running = undefined;
      idle();
    });
    return running;
  };
  const free = () => running === undefined && rest === undefined;
  return {
    soon() {
      if (free()) immediate ??= setImmediate(start);
    },
    later() {
      if (free()) company ??= setTimeout(start, companyMs);
    },
    rest() {
      rest = setTimeout(start, retryMs).unref();
    },
    async runNow() {
      await running;
      await start();
    },
    stop: unplan,
  };
}
