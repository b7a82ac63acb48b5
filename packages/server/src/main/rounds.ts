/** Work that is done again and again. */
export interface Rounds {
  start(): void;
  /** Resolves when what is under way is done; nothing follows. */
  end(): Promise<void>;
}

/**
 * One round after the other, a pause between them. They keep no process alive.
 *
 * @param round must not reject
 */
export function openRounds(
  round: () => Promise<unknown>,
  { firstMs, everyMs }: { readonly firstMs: number; readonly everyMs: number },
): Rounds {
  let ended = false;
  let timer: NodeJS.Timeout | undefined;
  let underWay: Promise<unknown> = Promise.resolve();
  const again = (ms: number): void => {
    timer = setTimeout(() => {
      underWay = round().then(() => void (ended || again(everyMs)));
    }, ms).unref();
  };
  return {
    start: () => again(firstMs),
    async end() {
      ended = true;
      clearTimeout(timer);
      await underWay;
    },
  };
}
