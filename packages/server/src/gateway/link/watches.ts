import type { Link, Sending } from './link.ts';

// Resource subscriptions of many listeners over one link: the upstream is asked once, however many listen, and asked again
// when the link is a new one.

/** The subscriptions of one slot. */
export interface Watches {
  /** Count one listener more; the first makes the upstream watch. @throws whatever the upstream answers */
  add(link: Link, uri: string, sending: Watching): Promise<void>;
  /** Count one listener less; the last makes the upstream stop. */
  drop(uri: string): Promise<void>;
  /** The link is gone, and what it watched with it. */
  lost(): void;
  /** Ask over a fresh link for everything that is still listened for. */
  restore(link: Link, sending: Watching): Promise<void>;
}

type Watching = Pick<Sending, 'context' | 'timeoutMs'>;

interface Watched {
  listeners: number;
  stop: Promise<() => Promise<void>> | undefined;
}

/** Nothing is watched yet. */
export function openWatches(): Watches {
  const watched = new Map<string, Watched>();
  const begin = (entry: Watched, link: Link, uri: string, sending: Watching) => {
    const stop = link.watch(uri, sending);
    entry.stop = stop;
    stop.catch(() => {
      if (entry.stop === stop) entry.stop = undefined;
    });
    return stop;
  };
  return {
    async add(link, uri, sending) {
      const entry = watched.get(uri) ?? { listeners: 0, stop: undefined };
      watched.set(uri, entry);
      entry.listeners += 1;
      try {
        await (entry.stop ?? begin(entry, link, uri, sending));
      } catch (error) {
        entry.listeners -= 1;
        if (entry.listeners === 0) watched.delete(uri);
        throw error;
      }
    },
    async drop(uri) {
      const entry = watched.get(uri);
      if (entry === undefined) return;
      entry.listeners -= 1;
      if (entry.listeners > 0) return;
      watched.delete(uri);
      await entry.stop?.then((stop) => stop()).catch(() => undefined);
    },
    lost() {
      for (const entry of watched.values()) entry.stop = undefined;
    },
    async restore(link, sending) {
      const all = [...watched].map(([uri, entry]) => begin(entry, link, uri, sending).catch(() => undefined));
      await Promise.all(all);
    },
  };
}
