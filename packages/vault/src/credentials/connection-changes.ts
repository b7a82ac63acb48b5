import type { Bus } from '../store/bus.ts';
import { openTopic } from '../store/topic.ts';

// Who holds something that was lent (a child process, a conversation with an upstream) lets go of it when the credential
// changes. Changes of this instance are told at once, those of others as the bus brings them. The bus may lose one: then
// everybody is told that something may have changed, and looks again.

/** A credential was set or removed. */
export interface ConnectionChange {
  readonly is: 'set' | 'removed';
  readonly tenant: string;
  /** `''`: the whole group's. */
  readonly subject: string;
  readonly upstream: string;
  readonly connectionId: string;
  /** Of the new credential, or of the one that is gone. */
  readonly epoch: number;
}

/** @param change `undefined`: nobody knows which, so it may have been any */
export type ConnectionListener = (change: ConnectionChange | undefined) => void;

/** Those who want to hear of changes. */
export interface ConnectionChanges {
  /** Tell everybody here, then the others. Never fails: those who do not hear of it look again by themselves. */
  tell(change: ConnectionChange): Promise<void>;
  onChange(listener: ConnectionListener): () => void;
  /**
   * Share changes with other instances from now on.
   *
   * @param heard told before the listeners when another instance has changed something
   * @param failed told when the others could not be told
   * @returns how to stop
   * @throws Refusal `store_unavailable`
   */
  follow(bus: Pick<Bus, 'publish' | 'subscribe'>, told: Told): Promise<() => void>;
}

/** Whom following tells. */
export interface Told {
  readonly heard: () => void;
  readonly failed: (error: unknown) => void;
}

/** Nobody listens yet. */
export function openConnectionChanges(): ConnectionChanges {
  const listeners = new Set<ConnectionListener>();
  let publish = async (_: ConnectionChange): Promise<void> => undefined;
  const tellHere = (change: ConnectionChange | undefined): void =>
    listeners.forEach((listener) => listener(change));
  return {
    async tell(change) {
      tellHere(change);
      await publish(change);
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async follow(bus, { heard, failed }) {
      const topic = openTopic<ConnectionChange>(bus, 'connections');
      const stop = await topic.hear((change) => {
        heard();
        tellHere(change);
      });
      const sending = async (change: ConnectionChange): Promise<void> => topic.tell(change).catch(failed);
      publish = sending;
      return () => {
        stop();
        if (publish === sending) publish = async () => undefined;
      };
    },
  };
}
