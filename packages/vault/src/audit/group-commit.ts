import { refuse, type Refusal } from '../refusal.ts';
import type { ChainWriter } from './chain-writer.ts';
import { openPacer } from './pacer.ts';
import { batchEntriesMax, openQueue, type Queue, type QueueBounds, type Waiting } from './queue.ts';

// Group commit: one batch is under way at a time, and the next one takes what queued meanwhile. When a commit fails,
// whoever waits is refused; lines nobody waits for are kept and tried again, for as long as the process lives.

/** Lines in, durable lines out. */
export interface GroupCommit {
  /** Resolves when the line is on the disk. `patient`: it may wait for company. @throws Refusal `audit_unavailable` */
  append(line: string, patient: boolean): Promise<void>;
  /** Resolves when the line has a place in the queue. @throws Refusal `audit_unavailable` once closed */
  queue(line: string): Promise<void>;
  /** Queue without waiting. `false`: there was no room, the line is lost. */
  offer(line: string): boolean;
  /** Lines that wait, those of the commit under way included. */
  waiting(): number;
  /** Whether the last commit failed and none has succeeded since. */
  failing(): boolean;
  /** Write what waits, then stop. Returns how many lines could not be written. */
  close(): Promise<number>;
}

/** When a batch leaves, and what happens when it does not. */
export interface Pace {
  readonly bounds: QueueBounds;
  /** How long a line that is not urgent waits for company, in milliseconds. */
  readonly companyMs: number;
  /** How long after a failure the file is tried again, in milliseconds. */
  readonly retryMs: number;
  /** Told about each failed commit and each failed try to recover. */
  readonly failed: (refusal: Refusal) => void;
}

/** Commit in groups: whatever queued while the last batch was under way makes the next one. */
export function groupCommit(chain: ChainWriter, pace: Pace): GroupCommit {
  const queue = openQueue(pace.bounds);
  const batches = batchLoop(chain, queue, (refusal) => {
    pacer.rest();
    pace.failed(refusal);
  });
  const room: (() => void)[] = [];
  let closed = false;
  const wake = () => room.splice(0).forEach((resolve) => resolve());
  const stir = () => {
    if (queue.urgent() > 0 || queue.length() >= batchEntriesMax) pacer.soon();
    else if (queue.length() > 0) pacer.later();
  };
  const pacer = openPacer(batches.step, () => (wake(), stir()), pace);
  const push = (line: string, urgent: boolean, waiter: Waiting['waiter']) => {
    queue.push({ line, bytes: Buffer.byteLength(line), urgent, waiter });
    stir();
  };

  return {
    async append(line, patient) {
      if (closed) throw unavailable('closed');
      if (batches.failing()) throw unavailable('the last commit failed');
      if (!queue.fits(Buffer.byteLength(line), 1)) throw unavailable('the queue is full');
      await new Promise<void>((resolve, reject) => push(line, !patient, { resolve, reject }));
    },
    async queue(line) {
      const bytes = Buffer.byteLength(line);
      while (!closed && !queue.fits(bytes, 1)) await new Promise<void>((resolve) => room.push(resolve));
      if (closed) throw unavailable('closed');
      push(line, false, undefined);
    },
    offer(line) {
      if (closed || !queue.fits(Buffer.byteLength(line), 2)) return false;
      push(line, false, undefined);
      return true;
    },
    waiting: () => queue.length() + batches.unsettled(),
    failing: batches.failing,
    async close() {
      closed = true;
      wake();
      do await pacer.runNow();
      while (queue.length() > 0 && !batches.failing());
      pacer.stop();
      await chain.close();
      return queue.length() + batches.unsettled();
    },
  };
}

/** Batch after batch; after a failure, first a look at what became of the batch that failed. */
function batchLoop(chain: ChainWriter, queue: Queue, failed: (refusal: Refusal) => void) {
  let kept: Waiting[] | undefined;
  let items: Waiting[] = [];
  const fail = (error: unknown) => {
    const refusal = unavailable('the last commit failed', error);
    kept = [...(kept ?? []), ...items.filter((item) => item.waiter === undefined)];
    for (const item of [...items, ...queue.takeWaiters()]) item.waiter?.reject(refusal);
    items = [];
    failed(refusal);
  };
  return {
    failing: () => kept !== undefined,
    unsettled: () => items.length + (kept?.length ?? 0),
    async step(): Promise<void> {
      try {
        if (kept !== undefined) {
          if (!(await chain.recover())) queue.unshift(kept);
          kept = undefined;
        }
        items = queue.take();
        if (items.length > 0) await chain.write(items.map((item) => item.line));
        for (const item of items.splice(0)) item.waiter?.resolve();
      } catch (error) {
        fail(error);
      }
    },
  };
}

function unavailable(detail: string, cause?: unknown): Refusal {
  const why = cause instanceof Error ? `${detail}: ${cause.message}` : detail;
  return refuse('audit_unavailable', 'the audit journal cannot be written, so nothing was done', why, cause);
}
