import { randomUUID } from 'node:crypto';
import { Refusal } from '../refusal.ts';
import type { Bus } from './bus.ts';

// What instances tell each other on one topic of a bus. Whoever tells has acted on it already and may have gone on since,
// so nobody hears what they told themselves.

/** One topic. */
export interface Topic<M> {
  /**
   * Tell the others.
   *
   * @param message what JSON can hold; `undefined`, and whatever is too long for a message, is heard as "something"
   * @throws Refusal `store_unavailable`
   */
  tell(message: M | undefined): Promise<void>;
  /**
   * Hear the others.
   *
   * @param listener given `undefined` when nobody knows what it was: it was not said, it was missed, or it cannot be read
   * @returns how to stop
   * @throws Refusal `store_unavailable`
   */
  hear(listener: (message: M | undefined) => void): Promise<() => void>;
}

/** A topic of this bus, for one instance. */
export function openTopic<M>(bus: Pick<Bus, 'publish' | 'subscribe'>, name: string): Topic<M> {
  const self = randomUUID();
  const send = (message: M | undefined): Promise<void> =>
    bus.publish(name, JSON.stringify({ from: self, message }));
  return {
    async tell(message) {
      try {
        await send(message);
      } catch (error) {
        const tooLong = message !== undefined && error instanceof Refusal && error.code === 'item_invalid';
        if (!tooLong) throw error;
        await send(undefined);
      }
    },
    hear: (listener) =>
      bus.subscribe(name, {
        changed(payload) {
          const { from, message } = read<M>(payload);
          if (from !== self) listener(message);
        },
        flush: () => listener(undefined),
      }),
  };
}

interface Told<M> {
  readonly from?: unknown;
  readonly message?: M;
}

// What cannot be read is of another version, perhaps: something was told.
function read<M>(payload: string): Told<M> {
  try {
    return (JSON.parse(payload) as Told<M> | null) ?? {};
  } catch {
    return {};
  }
}
