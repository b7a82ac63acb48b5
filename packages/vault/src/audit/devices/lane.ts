import { Refusal } from '../../refusal.ts';
import { oneBehindTheOther } from '../../store/in-turn.ts';
import { sameHash } from '../../tlog/hash.ts';
import type { Batch } from '../batch.ts';
import type { Trim } from '../trim-mark.ts';
import { beginning } from './catch-up.ts';
import type { Device, DeviceName, DeviceReads, DeviceState, OpenDevice, Point } from './device.ts';

// The life of one device: it takes batch after batch until one fails or is late; then it is closed, opened anew as often as it
// takes, and counts again once it has caught up. A thread that hangs in a write is waited for before the file is opened anew,
// however long that takes: it must not come back behind us.

/** Told when a device stops to count, and when it counts again. `reason`: of a failure. */
export interface DeviceChange {
  readonly device: DeviceName;
  readonly state: 'ok' | 'failed';
  readonly reason: unknown;
}

/** One device in use. */
export interface Lane {
  readonly name: DeviceName;
  state(): DeviceState;
  /** The last batch that is on it for sure. */
  at(): Point;
  /** What it holds, as far as it can be read; `undefined` before it was open. */
  reads(): DeviceReads | undefined;
  /** @throws Error when it is not on this device */
  commit(batch: Batch): Promise<void>;
  /** @throws Error when it could not */
  trim(trim: Trim): Promise<void>;
  /** It does not count any more, and is tried again until it does. */
  fail(reason: unknown): void;
  /** Open it anew now, unless it counts or is being opened. @throws why it does not count again */
  revive(): Promise<void>;
  close(): Promise<void>;
}

/** What a lane is made with. */
export interface LaneParts {
  readonly device: Device;
  readonly retryMs: number;
  /**
   * Bring an open device up to where the chain is.
   *
   * @param join to be called once it is: it counts from then on
   */
  readonly catchUp: (opened: OpenDevice, join: (at: Point) => void) => Promise<void>;
  readonly told: (change: DeviceChange) => void;
}

interface Held {
  state: DeviceState;
  at: Point;
  inUse: OpenDevice | undefined;
  reads: DeviceReads;
  closed: boolean;
}

/** @param start where it stands; `undefined`: that must be found out, and it does not count until then */
export function openLane(parts: LaneParts, opened: OpenDevice, start: Point | undefined): Lane {
  const { device, retryMs, told } = parts;
  const state = start === undefined ? 'catching_up' : 'ok';
  const held: Held = { state, at: start ?? beginning, inUse: opened, reads: opened, closed: false };
  const tell = tellOnce(device.name, told);
  const commits = inOrder(held);
  let reviving: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  const fail = (reason: unknown): void => {
    held.state = 'failed';
    tell('failed', reason);
    if (!held.closed)
      timer ??= setTimeout(() => {
        timer = undefined;
        revive().catch(() => undefined);
      }, retryMs).unref();
  };
  const join = (at: Point): void => {
    Object.assign(held, { at, state: 'ok' });
    commits.anew();
    tell('ok');
  };
  const revive = (): Promise<void> => {
    if (held.state === 'ok') return Promise.resolve();
    reviving ??= reopened(parts, held, join)
      .catch((error: unknown) => {
        fail(error);
        throw error;
      })
      .finally(() => (reviving = undefined));
    return reviving;
  };
  return {
    name: device.name,
    state: () => held.state,
    at: () => held.at,
    reads: () => held.reads,
    commit: commits.commit,
    trim: async (trim) => held.inUse?.trim(trim),
    fail,
    revive,
    async close() {
      held.closed = true;
      clearTimeout(timer);
      await held.inUse?.close();
    },
  };
}

async function reopened(
  { device, catchUp }: LaneParts,
  held: Held,
  join: (at: Point) => void,
): Promise<void> {
  if (held.state === 'failed') {
    await held.inUse?.close().catch(() => undefined);
    held.inUse = undefined;
    if (held.closed) return;
    const opened = await device.open();
    if (held.closed) return opened.close();
    Object.assign(held, { inUse: opened, reads: opened, state: 'catching_up' });
  }
  await catchUp(held.inUse!, join);
}

/** One batch behind the other: the one it joined with may be under way when the next one comes. */
function inOrder(held: Held) {
  let inTurn = oneBehindTheOther();
  const commitNow = async (batch: Batch): Promise<void> => {
    // It was given this one before, and had it after all.
    if (held.at.n === batch.n && sameHash(held.at.digest, batch.digest)) return;
    const to = held.inUse;
    if (to === undefined || held.at.n !== batch.n - 1) throw new Error('it lacks what comes before');
    await to.commit(batch);
    if (to === held.inUse && held.state === 'ok') held.at = { n: batch.n, digest: batch.digest };
  };
  return {
    commit: (batch: Batch): Promise<void> => inTurn(() => commitNow(batch)),
    /** What hangs is waited for no longer. */
    anew: () => void (inTurn = oneBehindTheOther()),
  };
}

function tellOnce(device: DeviceName, told: LaneParts['told']) {
  let last = 'ok';
  return (state: DeviceChange['state'], reason?: unknown): void => {
    // That it went its own way is worth saying, also of one that had failed before.
    const now = reason instanceof Refusal ? `${state} ${reason.code}` : state;
    if (now === last) return;
    last = now;
    told({ device, state, reason });
  };
}
