import { setTimeout as sleep } from 'node:timers/promises';
import { refuse } from '../refusal.ts';
import { checkedPayload, checkedTopic, listenersOf, type Bus, type Listeners } from './bus.ts';
import type { Stored, Tables } from './tables.ts';

// A bus on tables, for several instances without Redis. A head counts the messages, which lie in a ring behind it; each
// instance reads the head consistently, every half second at most and only while somebody listens, and then the messages
// it has not seen. Who has fallen behind by the whole ring is told to flush.

/** What {@link polledBus} may be told. */
export interface PolledBusOptions {
  /** Time between two looks; 500 when not given. */
  readonly pollMs?: number | undefined;
}

/** Messages kept. */
const ringSize = 64;
const attemptsMax = 100;
const pauseMsMax = 50;

/** A bus on any `Tables`. Closing it does not close the tables. */
export function polledBus(tables: Tables, { pollMs = 500 }: PolledBusOptions = {}): Bus {
  const listeners = listenersOf();
  const reader = readerOf(tables, listeners);
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  const look = async (): Promise<void> => {
    // A database that does not answer is asked again; the count tells what was missed.
    await reader.look().catch(() => undefined);
    if (!closed) schedule();
  };
  const schedule = (): void => {
    timer = setTimeout(() => void look(), pollMs);
    timer.unref();
  };
  return {
    publish: async (topic, payload) => publish(tables, checkedTopic(topic), checkedPayload(payload)),
    async subscribe(topic, listener) {
      checkedTopic(topic);
      await reader.begin();
      if (timer === undefined && !closed) schedule();
      return listeners.add(topic, listener);
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      listeners.clear();
    },
  };
}

const head = { name: 'bus.head' };

function slotName(n: number): string {
  return `bus.${n % ringSize}`;
}

function countOf(stored: Stored | undefined): number {
  return typeof stored?.item['n'] === 'number' ? stored.item['n'] : 0;
}

async function publish(tables: Tables, topic: string, payload: string): Promise<void> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const stored = await tables.get('deployment', head);
    const n = countOf(stored) + 1;
    const guard = stored === undefined ? { ifAbsent: true as const } : { ifRevision: stored.revision };
    const { done } = await tables.transact([
      { put: 'deployment', item: { ...head, n }, guard },
      { put: 'deployment', item: { name: slotName(n), n, topic, payload } },
    ]);
    if (done) return;
    await sleep(Math.random() * pauseMsMax);
  }
  throw refuse('store_unavailable', 'too many changes at a time', `${attemptsMax} attempts to publish lost`);
}

function readerOf(tables: Tables, listeners: Listeners): { begin(): Promise<void>; look(): Promise<void> } {
  let seen: number | undefined;
  const count = async (): Promise<number> => countOf(await tables.get('deployment', head));
  return {
    async begin() {
      seen ??= await count();
    },
    async look() {
      if (seen === undefined) return;
      const last = await count();
      if (last === seen) return;
      const numbers = Array.from(
        { length: Math.min(last - seen, ringSize + 1) },
        (_, at) => last - at,
      ).reverse();
      const behind = last < seen || last - seen > ringSize;
      const slots = behind
        ? []
        : await Promise.all(numbers.map((n) => tables.get('deployment', { name: slotName(n) })));
      seen = last;
      // A slot that is another one's by now: the ring went round meanwhile.
      if (behind || slots.some((slot, at) => countOf(slot) !== numbers[at])) listeners.flush();
      else
        for (const slot of slots) {
          const topic = slot?.item['topic'];
          const payload = slot?.item['payload'];
          if (typeof topic === 'string' && typeof payload === 'string') listeners.tell(topic, payload);
        }
    },
  };
}
