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

/** Start counting. */
export function openLoad({ callsMax, streamsMax }: LoadSettings): Load {
  const max = { call: callsMax, stream: streamsMax };
  const begun = { call: new Set<Ends>(), stream: new Set<Ends>() };
  const admitted = { call: new Set<Ends>(), stream: new Set<Ends>() };
  const all = [begun.call, begun.stream, admitted.call, admitted.stream];
  let state: Load['state'] = 'open';
  let empty: (() => void) | undefined;
  const running = (): number => all.reduce((sum, { size }) => sum + size, 0);
  const enter = (set: Set<Ends>, { cut, last }: Ends): Work => {
    const own = { cut, last };
    set.add(own);
    if (state !== 'open') last();
    return {
      done() {
        set.delete(own);
        if (empty !== undefined && running() === 0) empty();
      },
    };
  };
  const cutAll = (kind: Kind): void => {
    for (const set of [begun[kind], admitted[kind]]) for (const { cut } of set) cut();
  };
  const leave = (): void => {
    if (state !== 'open') return;
    state = 'leaving';
    for (const set of all) for (const { last } of set) last();
  };
  return {
    get state() {
      return state;
    },
    get running() {
      return running();
    },
    begin(kind, ends) {
      if (state === 'draining')
        throw refuse('draining', 'the gateway is shutting down: try again in a moment');
      if (begun[kind].size >= max[kind])
        throw refuse(
          'overloaded',
          `the gateway has as many ${kind}s under way as it takes: try again in a moment`,
        );
      return enter(begun[kind], ends);
    },
    admit(kind, ends) {
      const work = enter(admitted[kind], ends);
      if (state === 'draining' && kind === 'stream') ends.cut();
      return work;
    },
    leave,
    async drain(waitMs) {
      leave();
      state = 'draining';
      cutAll('stream');
      if (running() === 0) return;
      const ended = new Promise<void>((resolve) => (empty = resolve));
      const timer = setTimeout(() => cutAll('call'), waitMs);
      await ended;
      clearTimeout(timer);
    },
  };
}
