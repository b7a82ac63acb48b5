import type { Sealer } from '../../keys/sealer.ts';
import { within } from '../../store/within.ts';
import { sameHash } from '../../tlog/hash.ts';
import { sealBatch, tailAfter, type Batch, type Tail } from '../batch.ts';
import type { ChainWriter } from '../chain-writer.ts';
import { beginning, forked, jointIn, takeOver } from './catch-up.ts';
import type { Device, DeviceReads, OpenDevice, Point } from './device.ts';
import { openLane, type DeviceChange, type Lane } from './lane.ts';

// One chain on two devices. Every batch is given to both; it counts as written when one of them has it, and both are waited for
// as long as both do well, so that they do not drift apart unseen. One that fails, or keeps callers waiting for longer than the
// bound, does not count until it has caught up.
//
// After both failed, nobody knows which of them has the batch or will come to have it. So it is never given up: the first
// device that comes back gets that very batch, and no other one can ever take its number.

/** What a pair is made of. */
export interface PairParts {
  readonly sealer: Sealer;
  readonly journal: { readonly device: Device; readonly opened: OpenDevice };
  readonly second: { readonly device: Device; readonly opened: OpenDevice };
  /** How long one that is late holds up callers while the other has the batch. */
  readonly boundMs: number;
  /** How long a batch may take that neither has. */
  readonly deadlineMs: number;
  /** How long after a failure a device is tried again. */
  readonly retryMs: number;
  readonly told: (change: DeviceChange) => void;
}

/** Go on with the chain where `start` ends it, which is where the journal ends. The second device may lack some of it. */
export function openPair(parts: PairParts, start: Tail): ChainWriter {
  const { sealer, boundMs, deadlineMs, retryMs } = parts;
  let tail = start;
  let suspect: Batch | undefined;
  const catchUp = async (
    lane: () => Lane,
    other: () => Lane,
    opened: OpenDevice,
    join: (at: Point) => void,
  ) => {
    const reads = other().reads();
    let at = await standingOf(opened, reads);
    while (at.n < tail.n) {
      const before = at.n;
      at = await takeOver(sealer, reads!, opened, at);
      if (at.n === before) throw new Error('the other device lacks what this one missed');
    }
    if (at.n === tail.n && !sameHash(at.digest, tail.digest))
      throw forked(`they part before batch ${tail.n}`);
    join(at);
    if (suspect !== undefined) lane().commit(suspect).catch(lane().fail);
  };
  const standingOf = async (opened: OpenDevice, other: DeviceReads | undefined): Promise<Point> => {
    const last = await opened.last();
    if (last === undefined) return beginning;
    const known = [tail, ...(suspect === undefined ? [] : [suspect])];
    if (known.some(({ digest }) => sameHash(digest, last.digest))) return { n: last.n, digest: last.digest };
    if (last.n >= tail.n || other === undefined)
      throw forked(`batch ${last.n} is not the one that was written`);
    return jointIn(other, last);
  };
  const { told } = parts;
  const journal: Lane = openLane(
    {
      device: parts.journal.device,
      retryMs,
      told,
      catchUp: (...given) =>
        catchUp(
          () => journal,
          () => second,
          ...given,
        ),
    },
    parts.journal.opened,
    start,
  );
  const second: Lane = openLane(
    {
      device: parts.second.device,
      retryMs,
      told,
      catchUp: (...given) =>
        catchUp(
          () => second,
          () => journal,
          ...given,
        ),
    },
    parts.second.opened,
    undefined,
  );
  const lanes = [journal, second];
  second.revive().catch(() => undefined);

  const put = async (batch: Batch): Promise<void> => {
    const untilMs = performance.now() + boundMs;
    const under = lanes
      .filter((lane) => lane.state() === 'ok')
      .map((lane) => ({
        lane,
        done: lane
          .commit(batch)
          .catch((error: unknown) => (lane.fail(error), Promise.reject(error as Error))),
      }));
    for (const { done } of under) done.catch(() => undefined);
    try {
      await within(deadlineMs, Promise.any(under.map(({ done }) => done)));
    } catch (error) {
      for (const { lane } of under) lane.fail(error);
      throw neither(error);
    }
    const leftMs = Math.max(1, untilMs - performance.now());
    await Promise.all(under.map(({ lane, done }) => within(leftMs, done).catch(lane.fail)));
  };

  return {
    tail: () => tail,
    readable: () => journal.at(),
    devices: () => lanes.map((lane) => ({ device: lane.name, state: lane.state() })),
    async write(lines) {
      if (suspect !== undefined) throw new Error('recover first');
      const batch = await sealBatch(sealer, tail, lines);
      suspect = batch;
      await put(batch);
      suspect = undefined;
      tail = tailAfter(batch);
    },
    async recover() {
      await within(deadlineMs, Promise.any(lanes.map((lane) => lane.revive()))).catch((error: unknown) => {
        throw neither(error);
      });
      if (suspect === undefined) return false;
      await put(suspect);
      tail = tailAfter(suspect);
      suspect = undefined;
      return true;
    },
    async close() {
      await Promise.allSettled(
        lanes.map((lane) => within(lane.state() === 'ok' ? deadlineMs : boundMs, lane.close())),
      );
    },
  };
}

/** Why neither has it, in one line. A device that went its own way is said first. */
function neither(error: unknown): unknown {
  if (!(error instanceof AggregateError)) return error;
  const reasons = error.errors as unknown[];
  if (reasons.length === 0) return new Error('neither device counts at present');
  return reasons.length === 1 ? reasons[0] : new Error(reasons.map(String).join('; '), { cause: error });
}
