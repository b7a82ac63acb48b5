import { refuse } from '../errors.ts';

// How much goes on at once, and how it ends. Streams that stay open are counted apart from calls, so that a crowd of
// quiet listeners cannot keep calls out. On the way down: health says 503 first, and no connection is used again; then
// nobody is let in, streams are told to go on elsewhere, calls may finish, and what is left is cut off.

/** Bounds of what runs at once. */
export interface LoadSettings {
  readonly callsMax: number;
  readonly streamsMax: number;
}

/** How work ends before it is done. */
export interface Ends {
  /** Break it off; a stream is ended so that its client goes on elsewhere. */
  cut(): void;
  /** Nothing further may come on its connection. */
  last(): void;
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
  /** @throws Refusal `draining`, `overloaded` */
  begin(kind: 'call' | 'stream', ends: Ends): Work;
  /** The same for what is never refused and takes no place: pages, and what other instances pass here. */
  admit(kind: 'call' | 'stream', ends: Ends): Work;
  /** Health checks fail from now on; work is still taken, each on a connection of its own. */
  leave(): void;
  /** Refuse new work, cut streams, let calls finish for so long, then cut them too. Resolves when nothing runs. */
  drain(waitMs: number): Promise<void>;
}

type Kind = 'call' | 'stream';

interface Entered extends Work {
  readonly ends: Ends;
}

/** What runs, whether it takes a place or not. */
function openRunning() {
  const sets = {
    begun: { call: new Set<Entered>(), stream: new Set<Entered>() },
    admitted: { call: new Set<Entered>(), stream: new Set<Entered>() },
  };
  const { begun, admitted } = sets;
  const of = (kind: Kind): readonly Entered[] => [...begun[kind], ...admitted[kind]];
  let emptied: (() => void) | undefined;
  const count = (): number => begun.call.size + begun.stream.size + admitted.call.size + admitted.stream.size;
  return {
    count,
    /** How many take a place. */
    begun: (kind: Kind): number => begun[kind].size,
    enter(how: 'begun' | 'admitted', kind: Kind, ends: Ends): Work {
      const set = sets[how][kind];
      const entered = {
        ends,
        done(): void {
          set.delete(entered);
          if (emptied !== undefined && count() === 0) emptied();
        },
      };
      set.add(entered);
      return entered;
    },
    cut(kind: Kind): void {
      for (const { ends } of of(kind)) ends.cut();
    },
    last(): void {
      for (const { ends } of [...of('call'), ...of('stream')]) ends.last();
    },
    empty: (): Promise<void> =>
      count() === 0 ? Promise.resolve() : new Promise((resolve) => (emptied = resolve)),
  };
}

/** Start counting. */
export function openLoad({ callsMax, streamsMax }: LoadSettings): Load {
  const max = { call: callsMax, stream: streamsMax };
  const running = openRunning();
  let state: Load['state'] = 'open';
  const enter = (how: 'begun' | 'admitted', kind: Kind, ends: Ends): Work => {
    if (state !== 'open') ends.last();
    return running.enter(how, kind, ends);
  };
  const leave = (): void => {
    if (state !== 'open') return;
    state = 'leaving';
    running.last();
  };
  return {
    get state() {
      return state;
    },
    get running() {
      return running.count();
    },
    begin(kind, ends) {
      if (state === 'draining')
        throw refuse('draining', 'the gateway is shutting down: try again in a moment');
      if (running.begun(kind) >= max[kind])
        throw refuse(
          'overloaded',
          `the gateway has as many ${kind}s under way as it takes: try again in a moment`,
        );
      return enter('begun', kind, ends);
    },
    admit(kind, ends) {
      const work = enter('admitted', kind, ends);
      if (state === 'draining' && kind === 'stream') ends.cut();
      return work;
    },
    leave,
    async drain(waitMs) {
      leave();
      state = 'draining';
      running.cut('stream');
      const timer = setTimeout(() => running.cut('call'), waitMs);
      await running.empty();
      clearTimeout(timer);
    },
  };
}
