import { checkedPayload, checkedTopic, listenersOf, type Bus } from '../bus.ts';
import { clientOptions } from './address.ts';
import { subscriber, type Subscriber } from './driver.ts';
import { unavailable } from './redis-error.ts';
import type { RedisServer } from './server.ts';
import { watch } from './watched.ts';

// One channel for all topics, heard on a connection of its own. Redis tells each message once to those who are connected;
// whoever was not is told to flush when the connection stands again.

/** What {@link redisBus} may be told. */
export interface RedisBusOptions {
  /** Put before the channel, for a Redis that others use too; `sealgate:` when not given. */
  readonly prefix?: string | undefined;
}

const connectMsMax = 5000;

/**
 * A bus over Redis. Closing it does not close Redis.
 *
 * @throws Refusal `store_unavailable` when there is no connection within 5 seconds
 */
export async function redisBus(
  redis: RedisServer,
  { prefix = 'sealgate:' }: RedisBusOptions = {},
): Promise<Bus> {
  const channel = `${prefix}bus`;
  const listeners = listenersOf();
  const told = (message: string): void => {
    const at = message.indexOf(' ');
    if (at > 0) listeners.tell(message.slice(0, at), message.slice(at + 1));
  };
  // The first one stands before anybody listens; each further one was silent in between. The client subscribes again by
  // itself before it says that it is ready.
  const open = (): Subscriber => subscriber(clientOptions(redis.address), listeners.flush);
  const subscribed = async (connection: Subscriber): Promise<void> => {
    await connection.subscribe(channel, told);
    listeners.flush();
  };
  try {
    const watched = await watch(open, {
      connectMsMax,
      connected: (next) => void subscribed(next).catch(() => undefined),
    });
    await watched.asked(subscribed);
    return {
      async publish(topic, payload) {
        const message = `${checkedTopic(topic)} ${checkedPayload(payload)}`;
        // Always through the same server of a cluster, which keeps the order.
        await redis.sendTo(0, ['PUBLISH', channel, message]);
      },
      subscribe: async (topic, listener) => listeners.add(checkedTopic(topic), listener),
      async close() {
        listeners.clear();
        watched.close();
      },
    };
  } catch (error) {
    throw unavailable(error);
  }
}
