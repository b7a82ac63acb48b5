import { refuse } from '../errors.ts';

// How much goes on at once, and how it ends. Streams that stay open are counted apart from calls, so that a crowd of
// quiet listeners cannot keep calls out. On the way down: health says 503 first, then new work is refused, then what
// runs may finish, then what is left is cut off.

/** Bounds of what runs at once. */
export interface LoadSettings {
  readonly callsMax: number;
  readonly streamsMax: number;
}

/** One piece of work under way. */
export interface Work {
  /** Say that it is over; once. */
  done(): void;
}

/** Counts what runs and brings it to an end. */
export interface Load {
  readonly state: 'open' | 'leaving' | 'draining';
  readonly running: number;
  /**
   * @param cut breaks the work off
   * @throws Refusal `draining`, `overloaded`
   */
  begin(kind: 'call' | 'stream', cut: () => void): Work;
  /** Health checks fail from now on; work is still taken. */
  leave(): void;
  /** Refuse new work, cut streams, let calls finish for so long, then cut them too. Resolves when nothing runs. */
  drain(waitMs: number): Promise<void>;
}

/** Start counting. */
export function openLoad({ callsMax, streamsMax }: LoadSettings): Load {
  const running = { call: new Set<() => void>(), stream: new Set<() => void>() };
  let state: Load['state'] = 'open';
  let empty: (() => void) | undefined;
  const cutAll = (kind: 'call' | 'stream'): void => {
    for (const cut of running[kind]) cut();
  };
  return {
    get state() {
      return state;
    },
    get running() {
      return running.call.size + running.stream.size;
    },
    begin(kind, cut) {
      if (state === 'draining')
        throw refuse('draining', 'the gateway is shutting down: try again in a moment');
      if (running[kind].size >= (kind === 'call' ? callsMax : streamsMax))
        throw refuse(
          'overloaded',
          `the gateway has as many ${kind}s under way as it takes: try again in a moment`,
        );
      const own = (): void => cut();
      running[kind].add(own);
      return {
        done() {
          running[kind].delete(own);
          if (running.call.size + running.stream.size === 0) empty?.();
        },
      };
    },
    leave() {
      if (state === 'open') state = 'leaving';
    },
    async drain(waitMs) {
      state = 'draining';
      cutAll('stream');
      if (running.call.size + running.stream.size === 0) return;
      const ended = new Promise<void>((resolve) => (empty = resolve));
      const timer = setTimeout(() => cutAll('call'), waitMs);
      await ended;
      clearTimeout(timer);
    },
  };
}
