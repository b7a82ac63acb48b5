import type { Child } from './child.ts';

// Resource subscriptions of many sessions to one child: the child is asked once, however many listen, and asked again
// after it was restarted.

/** The subscriptions of one slot. */
export interface Watches {
  /** Count one listener more; the first makes the child watch. @throws whatever the child answers */
  add(child: Child, uri: string, timeoutMs: number): Promise<void>;
  /** Count one listener less; the last makes the child stop. */
  drop(uri: string): Promise<void>;
  /** The child is gone, and what it watched with it. */
  lost(): void;
  /** Ask a fresh child for everything that is still listened for. */
  restore(child: Child, timeoutMs: number): Promise<void>;
}

/** Nothing is watched yet. */
export function openWatches(): Watches {
  const watched = new Map<string, { listeners: number; stop: (() => Promise<void>) | undefined }>();
  return {
    async add(child, uri, timeoutMs) {
      const known = watched.get(uri);
      if (known?.stop !== undefined) {
        known.listeners += 1;
        return;
      }
      const stop = await child.watch(uri, timeoutMs);
      const entry = watched.get(uri) ?? { listeners: 0, stop: undefined };
      watched.set(uri, { listeners: entry.listeners + 1, stop });
    },
    async drop(uri) {
      const entry = watched.get(uri);
      if (entry === undefined) return;
      entry.listeners -= 1;
      if (entry.listeners > 0) return;
      watched.delete(uri);
      await entry.stop?.().catch(() => undefined);
    },
    lost() {
      for (const entry of watched.values()) entry.stop = undefined;
    },
    async restore(child, timeoutMs) {
      for (const [uri, entry] of watched)
        entry.stop = await child.watch(uri, timeoutMs).catch(() => undefined);
    },
  };
}
