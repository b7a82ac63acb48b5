import { itemInvalid } from './item-rules.ts';

/** What a listener is told. Neither may throw; what it has to wait for it does by itself. */
export interface Listener {
  /** Somebody published this, perhaps this instance itself. */
  changed(payload: string): void;
  /** Something may have been missed: whatever was remembered of the topic counts no more. */
  flush(): void;
}

/**
 * "This changed", to all instances. It only makes things faster: a message is told once or, when the way there broke,
 * not at all, and then every listener is told to flush. What must not be missed is read from the store. Payloads travel
 * as they are: put blinded names into them. `busContract` proves every promise here.
 */
export interface Bus {
  /**
   * @param topic 1 to 64 characters of `a-z`, `0-9`, `.`, `-` and `_`
   * @param payload up to 1 KiB of text
   * @throws Refusal `item_invalid`, `store_unavailable`
   */
  publish(topic: string, payload: string): Promise<void>;
  /**
   * Hear of everything that is published from the moment this resolves, and perhaps of what was shortly before.
   *
   * @returns ends it, at once
   * @throws Refusal `item_invalid`, `store_unavailable`
   */
  subscribe(topic: string, listener: Listener): Promise<() => void>;
  close(): Promise<void>;
}

const payloadBytesMax = 1024;

/** Listeners of one instance, by topic. */
export interface Listeners {
  /** @returns removes it */
  add(topic: string, listener: Listener): () => void;
  tell(topic: string, payload: string): void;
  flush(): void;
  clear(): void;
}

/** Nobody hears of a listener that is gone, also not in the middle of a round. */
export function listenersOf(): Listeners {
  const all = new Map<object, { readonly topic: string; readonly listener: Listener }>();
  const each = (tell: (topic: string, listener: Listener) => void): void => {
    for (const [key, { topic, listener }] of Array.from(all)) if (all.has(key)) tell(topic, listener);
  };
  return {
    add(topic, listener) {
      const key = {};
      all.set(key, { topic, listener });
      return () => void all.delete(key);
    },
    tell: (told, payload) => each((topic, listener) => topic === told && listener.changed(payload)),
    flush: () => each((_, listener) => listener.flush()),
    clear: () => all.clear(),
  };
}

/** @throws Refusal `item_invalid` for a topic outside the rules */
export function checkedTopic(topic: string): string {
  if (typeof topic !== 'string' || !/^[a-z0-9._-]{1,64}$/.test(topic))
    throw itemInvalid('a topic is not 1 to 64 characters of a-z, 0-9, ".", "-" and "_"');
  return topic;
}

/** @throws Refusal `item_invalid` for a payload outside the rules */
export function checkedPayload(payload: string): string {
  if (typeof payload !== 'string' || !payload.isWellFormed() || Buffer.byteLength(payload) > payloadBytesMax)
    throw itemInvalid(`a payload is not well-formed text of up to ${payloadBytesMax} bytes`);
  return payload;
}
