/** Where the bytes come from; told to wait while the reader is behind. */
export interface Source {
  pause(): void;
  resume(): void;
  /** The reader wants no more. */
  abort(): void;
}

/** The writing end of a body that is read elsewhere. */
export interface BodyQueue {
  push(chunk: Uint8Array): void;
  end(): void;
  /** The reader gets this instead of a further chunk; what is waiting is dropped. */
  fail(reason: unknown): void;
  /** The reading end, for one reader; breaking off ends the source. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** @param waitingBytesMax how many bytes may wait for the reader before the source is paused */
export function bodyQueue(source: Source, waitingBytesMax: number): BodyQueue {
  const waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  let paused = false;
  let over: 'no' | 'ended' | 'failed' = 'no';
  let failure: unknown;
  let wake: (() => void) | undefined;

  const stir = (): void => {
    wake?.();
    wake = undefined;
  };
  const take = (): Uint8Array | undefined => {
    const chunk = waiting.shift();
    waitingBytes -= chunk?.byteLength ?? 0;
    if (paused && waitingBytes * 2 <= waitingBytesMax) {
      paused = false;
      source.resume();
    }
    return chunk;
  };
  const next = async (): Promise<IteratorResult<Uint8Array, undefined>> => {
    for (;;) {
      if (over === 'failed') throw failure;
      const chunk = take();
      if (chunk !== undefined) return { done: false, value: chunk };
      if (over === 'ended') return { done: true, value: undefined };
      await new Promise<void>((resolve) => (wake = resolve));
    }
  };
  // Not a generator: `return` must end the source even when nobody has read yet.
  const stop = (): Promise<IteratorResult<Uint8Array, undefined>> => {
    if (over === 'no') source.abort();
    over = 'ended';
    waiting.length = 0;
    stir();
    return Promise.resolve({ done: true, value: undefined });
  };
  return {
    push(chunk) {
      if (over !== 'no') return;
      waiting.push(chunk);
      waitingBytes += chunk.byteLength;
      if (!paused && waitingBytes > waitingBytesMax) {
        paused = true;
        source.pause();
      }
      stir();
    },
    end() {
      if (over === 'no') over = 'ended';
      stir();
    },
    fail(reason) {
      if (over === 'no') {
        over = 'failed';
        failure = reason;
        waiting.length = 0;
      }
      stir();
    },
    body: { [Symbol.asyncIterator]: () => ({ next, return: stop }) },
  };
}
