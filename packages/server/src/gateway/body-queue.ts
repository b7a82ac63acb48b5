import { addPiece } from './pieces.ts';

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
  const backlog = openBacklog(source, waitingBytesMax);
  let state: 'open' | 'ended' | { readonly failedWith: unknown } = 'open';
  let wake: (() => void) | undefined;

  const become = (next: typeof state): void => {
    if (state === 'open') state = next;
    wake?.();
    wake = undefined;
  };
  const next = async (): Promise<IteratorResult<Uint8Array, undefined>> => {
    for (;;) {
      if (typeof state === 'object') throw state.failedWith;
      const chunk = backlog.take();
      if (chunk !== undefined) return { done: false, value: chunk };
      if (state === 'ended') return { done: true, value: undefined };
      await new Promise<void>((resolve) => (wake = resolve));
    }
  };
  // Not a generator: `return` must end the source even when nobody has read yet.
  const stop = async (): Promise<IteratorResult<Uint8Array, undefined>> => {
    const unfinished = state === 'open';
    become('ended');
    backlog.clear();
    if (unfinished) source.abort();
    return { done: true, value: undefined };
  };
  return {
    push(chunk) {
      if (state !== 'open') return;
      backlog.add(chunk);
      become('open');
    },
    end: () => become('ended'),
    fail(reason) {
      become({ failedWith: reason });
      backlog.clear();
    },
    body: { [Symbol.asyncIterator]: () => ({ next, return: stop }) },
  };
}

/** What waits for the reader; pauses the source above the limit and resumes it at half of it. */
function openBacklog(source: Source, bytesMax: number) {
  let waiting: Uint8Array[] = [];
  let bytes = 0;
  let paused = false;
  return {
    add(chunk: Uint8Array): void {
      addPiece(waiting, chunk);
      bytes += chunk.byteLength;
      if (paused || bytes <= bytesMax) return;
      paused = true;
      source.pause();
    },
    // Piece by piece: an event that was sent by itself arrives by itself, and some clients lose what comes in one piece.
    take(): Uint8Array | undefined {
      const piece = waiting.shift();
      bytes -= piece?.byteLength ?? 0;
      if (paused && bytes * 2 <= bytesMax) {
        paused = false;
        source.resume();
      }
      return piece;
    },
    clear(): void {
      waiting = [];
      bytes = 0;
    },
  };
}
