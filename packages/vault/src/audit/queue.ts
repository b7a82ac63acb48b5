// What waits for the next commit, in the order it came. Bounded twice: an attempt is turned away at the first bound,
// an outcome only at twice that. Outcomes come from attempts that were let in, so between the two bounds there is room
// for the outcome of every call under way, even while the disk hangs.

/** One line that waits. */
export interface Waiting {
  readonly line: string;
  readonly bytes: number;
  /** Starts a commit at once; others wait up to 3 ms for company. */
  readonly urgent: boolean;
  /** Somebody waits for the disk, and is refused when it fails. Without one the line is kept and tried again. */
  readonly waiter: { resolve(): void; reject(error: Error): void } | undefined;
}

/** Bounds of the queue. */
export interface QueueBounds {
  readonly entriesMax: number;
  readonly bytesMax: number;
  /** Bytes that one commit takes, but for a line that is longer by itself; 1 MiB when not given. */
  readonly batchBytesMax?: number | undefined;
}

/** The most that one commit takes. */
export const batchEntriesMax = 512;
const usualBatchBytesMax = 1024 * 1024;

/** Lines that wait for the disk, in their order. */
export interface Queue {
  /** Lines waiting. */
  length(): number;
  urgent(): number;
  /** Whether a line fits: `factor` 1 for attempts, 2 for outcomes. */
  fits(bytes: number, factor: 1 | 2): boolean;
  push(item: Waiting): void;
  /** Put lines of a failed commit back in front. */
  unshift(items: readonly Waiting[]): void;
  /** Take the next batch. */
  take(): Waiting[];
  /** Take out every line that has a waiter. */
  takeWaiters(): Waiting[];
}

/** An empty queue within these bounds. */
export function openQueue({ entriesMax, bytesMax, batchBytesMax = usualBatchBytesMax }: QueueBounds): Queue {
  let items: Waiting[] = [];
  let bytes = 0;
  let urgent = 0;
  const count = (list: readonly Waiting[], sign: 1 | -1) => {
    for (const item of list) {
      bytes += sign * item.bytes;
      if (item.urgent) urgent += sign;
    }
  };
  return {
    length: () => items.length,
    urgent: () => urgent,
    fits: (more, factor) => items.length < entriesMax * factor && bytes + more <= bytesMax * factor,
    push(item) {
      items.push(item);
      count([item], 1);
    },
    unshift(list) {
      items = [...list, ...items];
      count(list, 1);
    },
    take() {
      let size = 0;
      let end = 0;
      while (end < items.length && end < batchEntriesMax) {
        size += items[end]!.bytes;
        if (size > batchBytesMax && end > 0) break;
        end += 1;
      }
      const taken = items.splice(0, end);
      count(taken, -1);
      return taken;
    },
    takeWaiters() {
      const taken = items.filter((item) => item.waiter !== undefined);
      items = items.filter((item) => item.waiter === undefined);
      count(taken, -1);
      return taken;
    },
  };
}
