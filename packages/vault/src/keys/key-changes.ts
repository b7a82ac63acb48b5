import type { Bus } from '../store/bus.ts';
import type { Tables } from '../store/tables.ts';
import { openTopic } from '../store/topic.ts';
import { changedSince, readChangeCount } from './change-count.ts';

// Open keys of a tenant whose state changed are dropped on every instance: at once where the bus brings word, and within
// the time between two looks at the count where it does not.

/** Time between two looks at the count of changes. */
export const keyLookEveryMs = 5000;

/** Who is told when keys change. */
export interface KeyChanges {
  /** Drop them here and tell the others. Never fails: those who do not hear of it look. */
  tell(tenant: string): Promise<void>;
  /**
   * Hear of the changes of other instances from now on. What was opened before is dropped.
   *
   * @param failed told when the others could not be told, or the count could not be read
   * @returns how to stop
   * @throws Refusal `store_unavailable`
   */
  follow(bus: Pick<Bus, 'publish' | 'subscribe'>, failed: (error: unknown) => void): Promise<() => void>;
}

/** @param drop the open keys of one tenant; `undefined`: of all */
export function openKeyChanges(
  tables: Pick<Tables, 'get'>,
  drop: (tenant: string | undefined) => void,
): KeyChanges {
  let publish = async (_: string): Promise<void> => undefined;
  return {
    async tell(tenant) {
      drop(tenant);
      await publish(tenant);
    },
    async follow(bus, failed) {
      const topic = openTopic<string>(bus, 'keys');
      const stop = await topic.hear((tenant) => drop(typeof tenant === 'string' ? tenant : undefined));
      let seen = await readChangeCount(tables).then(
        ({ n }) => n,
        (error: unknown) => {
          stop();
          throw error;
        },
      );
      drop(undefined);
      const look = async (): Promise<void> => {
        const count = await readChangeCount(tables);
        const changed = changedSince(seen, count);
        seen = count.n;
        if (changed === undefined) drop(undefined);
        else changed.forEach(drop);
      };
      const timer = setInterval(() => void look().catch(failed), keyLookEveryMs).unref();
      const sending = async (tenant: string): Promise<void> => topic.tell(tenant).catch(failed);
      publish = sending;
      return () => {
        clearInterval(timer);
        stop();
        if (publish === sending) publish = async () => undefined;
      };
    },
  };
}
