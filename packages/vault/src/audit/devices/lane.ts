import { Refusal } from '../../refusal.ts';
import { sameHash } from '../../tlog/hash.ts';
import type { Batch } from '../batch.ts';
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

/** @param start where it stands; `undefined`: that must be found out, and it does not count until then */
export function openLane(parts: LaneParts, opened: OpenDevice, start: Point | undefined): Lane {
  const { device, retryMs, catchUp, told } = parts;
  let state: DeviceState = start === undefined ? 'catching_up' : 'ok';
  let at: Point = start ?? { n: 0, digest: new Uint8Array(32) };
  let inUse: OpenDevice | undefined = opened;
  let reads: DeviceReads = opened;
  let reviving: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  let toldLast: string = 'ok';
  let closed = false;
  // One behind the other: the one it joined with may be under way when the next one comes.
  let turn: Promise<unknown> = Promise.resolve();
  const tell = (now: DeviceChange['state'], reason?: unknown): void => {
    // That it went its own way is worth saying, also of one that had failed before.
    const say = reason instanceof Refusal ? `${now} ${reason.code}` : now;
    if (say === toldLast) return;
    toldLast = say;
    told({ device: device.name, state: now, reason });
  };
  const fail = (reason: unknown): void => {
    state = 'failed';
    tell('failed', reason);
    if (!closed && timer === undefined)
      timer = setTimeout(() => {
        timer = undefined;
        revive().catch(() => undefined);
      }, retryMs).unref();
  };
  const join = (point: Point): void => {
    at = point;
    state = 'ok';
    turn = Promise.resolve();
    tell('ok');
  };
  const commitNow = async (batch: Batch): Promise<void> => {
    // It was given this one before, and had it after all.
    if (at.n === batch.n && sameHash(at.digest, batch.digest)) return;
    const to = inUse;
    if (to === undefined || at.n !== batch.n - 1) throw new Error('it lacks what comes before');
    await to.commit(batch);
    if (to === inUse && state === 'ok') at = { n: batch.n, digest: batch.digest };
  };
  const reopen = async (): Promise<void> => {
    try {
      if (state === 'failed') {
        await inUse?.close().catch(() => undefined);
        inUse = undefined;
        if (closed) return;
        const again = await device.open();
        if (closed) return void (await again.close());
        reads = inUse = again;
        state = 'catching_up';
      }
      await catchUp(inUse!, join);
    } catch (error) {
      fail(error);
      throw error;
    }
  };
  const revive = (): Promise<void> => {
    if (state === 'ok') return Promise.resolve();
    reviving ??= reopen().finally(() => (reviving = undefined));
    return reviving;
  };
  return {
    name: device.name,
    state: () => state,
    at: () => at,
    reads: () => reads,
    commit(batch) {
      const done = turn.then(() => commitNow(batch));
      turn = done.catch(() => undefined);
      return done;
    },
    fail,
    revive,
    async close() {
      closed = true;
      clearTimeout(timer);
      await inUse?.close();
    },
  };
}
