import type { Sealer } from '../../keys/sealer.ts';
import { within } from '../../store/within.ts';
import { sealBatch, tailAfter, type Batch, type Tail } from '../batch.ts';
import type { ChainWriter } from '../chain-writer.ts';
import type { Device, OpenDevice, Point } from './device.ts';
import { bringUp, type ChainEnd } from './joining.ts';
import { openLane, type DeviceChange, type Lane, type LaneParts } from './lane.ts';
import { inOne, putOn, type Patience } from './put.ts';

// One chain on two devices. Every batch is given to both; it counts as written when one of them has it, and both are waited for
// as long as both do well, so that they do not drift apart unseen. One that fails, or keeps callers waiting for longer than the
// bound, does not count until it has caught up.
//
// After both failed, nobody knows which of them has the batch or will come to have it. So it is never given up: the first
// device that comes back gets that very batch, and no other one can ever take its number.

/** What a pair is made of. */
export interface PairParts extends Patience {
  readonly sealer: Sealer;
  readonly journal: { readonly device: Device; readonly opened: OpenDevice };
  readonly second: { readonly device: Device; readonly opened: OpenDevice };
  /** How long after a failure a device is tried again. */
  readonly retryMs: number;
  readonly told: (change: DeviceChange) => void;
}

/** Go on with the chain where `start` ends it, which is where the journal ends. The second device may lack some of it. */
export function openPair(parts: PairParts, start: Tail): ChainWriter {
  const { sealer, boundMs, deadlineMs } = parts;
  let tail = start;
  let suspect: Batch | undefined;
  const { journal, second } = openLanes(parts, start, { tail: () => tail, suspect: () => suspect });
  const lanes = [journal, second];
  const put = async (batch: Batch): Promise<void> => {
    await putOn(lanes, batch, parts);
    tail = tailAfter(batch);
    suspect = undefined;
  };
  return {
    tail: () => tail,
    readable: () => journal.at(),
    devices: () => lanes.map((lane) => ({ device: lane.name, state: lane.state() })),
    async write(lines) {
      if (suspect !== undefined) throw new Error('recover first');
      suspect = await sealBatch(sealer, tail, lines);
      await put(suspect);
    },
    async recover() {
      const revived = Promise.any(lanes.map((lane) => lane.revive()));
      await within(deadlineMs, revived).catch((error: unknown) => {
        throw inOne(error);
      });
      if (suspect === undefined) return false;
      await put(suspect);
      return true;
    },
    async trim(trim) {
      // What the other one lacks it is given out of the journal.
      if (lanes.some((lane) => lane.state() !== 'ok')) return false;
      await within(deadlineMs, journal.trim(trim));
      return true;
    },
    async close() {
      const closed = lanes.map((lane) => within(lane.state() === 'ok' ? deadlineMs : boundMs, lane.close()));
      await Promise.allSettled(closed);
    },
  };
}

function openLanes(parts: PairParts, start: Tail, end: ChainEnd) {
  const laneOf = (which: 'journal' | 'second', other: () => Lane, at: Point | undefined): Lane => {
    const { device, opened } = parts[which];
    const catchUp: LaneParts['catchUp'] = (open, join) =>
      bringUp({ sealer: parts.sealer, end }, open, other().reads(), (point) => {
        join(point);
        const missed = end.suspect();
        if (missed !== undefined) lane.commit(missed).catch(lane.fail);
      });
    const lane: Lane = openLane({ ...parts, device, catchUp }, opened, at);
    return lane;
  };
  const journal: Lane = laneOf('journal', () => second, start);
  const second: Lane = laneOf('second', () => journal, undefined);
  second.revive().catch(() => undefined);
  return { journal, second };
}
