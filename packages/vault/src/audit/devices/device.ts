import type { Batch } from '../batch.ts';
import type { Committer } from '../committer.ts';

/** Where batches are kept: the journal itself, or the second file beside it. */
export type DeviceName = 'journal' | 'second';

/** `catching_up`: it takes what it missed, and does not count yet. */
export type DeviceState = 'ok' | 'catching_up' | 'failed';

/** How a device does. */
export interface DeviceStanding {
  readonly device: DeviceName;
  readonly state: DeviceState;
}

/** What has already been written is read back to bring the other device up to it. */
export interface DeviceReads {
  /** `undefined` while it is empty. */
  last(): Promise<Batch | undefined>;
  /** Batches from `n` on, in their order, at most `max`. */
  from(n: number, max: number): Promise<readonly Batch[]>;
}

/** A device that is open. */
export interface OpenDevice extends Committer, DeviceReads {}

/** A device that may be opened again and again. */
export interface Device {
  readonly name: DeviceName;
  /** @throws Error when it cannot be opened now */
  open(): Promise<OpenDevice>;
}

/** A point of the chain. */
export interface Point {
  readonly n: number;
  readonly digest: Uint8Array;
}
