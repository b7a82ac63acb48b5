import { checkedPayload, checkedTopic, listenersOf, type Bus } from '../bus.ts';

/** A bus within one process: for one instance that is all there is. It never breaks, so nobody is told to flush. */
export function memoryBus(): Bus {
  const listeners = listenersOf();
  return {
    async publish(topic, payload) {
      checkedTopic(topic);
      checkedPayload(payload);
      // Afterwards, as with every other bus: nobody is told before the publisher has gone on.
      setImmediate(() => listeners.tell(topic, payload));
    },
    subscribe: async (topic, listener) => listeners.add(checkedTopic(topic), listener),
    async close() {
      listeners.clear();
    },
  };
}
