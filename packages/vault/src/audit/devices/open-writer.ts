import type { Sealer } from '../../keys/sealer.ts';
import { refuse, Refusal } from '../../refusal.ts';
import { within } from '../../store/within.ts';
import { openChain, type ChainWriter } from '../chain-writer.ts';
import type { OpenCommitter } from '../committer.ts';
import type { Rows } from '../rows.ts';
import { continueTail, type Continued } from '../tail.ts';
import { alignJournal } from './align.ts';
import type { Device, DeviceReads, OpenDevice } from './device.ts';
import { journalDevice } from './journal-device.ts';
import type { DeviceChange } from './lane.ts';
import { openPair } from './pair.ts';

/** A second device, and what is to be known of it. */
export interface SecondDevice {
  /** Such as `fileDevice(path)`. */
  readonly device: Device;
  /** How long one that is late holds up callers while the other has the batch; 2000 when not given. */
  readonly boundMs?: number;
  /** Told when one of the two stops to count, and when it counts again. */
  readonly told?: (change: DeviceChange) => void;
}

/** What a journal is written with. */
export interface WriterParts {
  readonly path: string;
  readonly rows: Rows;
  readonly sealer: Sealer;
  readonly openCommitter: OpenCommitter;
  readonly deadlineMs: number;
  readonly retryMs: number;
}

/**
 * Go on with the journal where it ended, on one device or two.
 *
 * @throws Refusal `journal_broken` when its end does not hold, or two devices do not hold one chain; `audit_unavailable`
 *   when a device cannot be read: nobody could say then whether it holds more; `key_unavailable`
 */
export async function openWriter(
  parts: WriterParts,
  second: SecondDevice | undefined,
): Promise<Continued & { readonly chain: ChainWriter }> {
  const { rows, sealer } = parts;
  if (second === undefined) {
    const continued = await continueTail(rows, sealer);
    return { ...continued, chain: await openChain(parts, continued.tail) };
  }
  const opened = await openSecond(second.device, parts.deadlineMs);
  try {
    await alignJournal(parts, inTime(opened, parts.deadlineMs)).catch(unusable);
    const continued = await continueTail(rows, sealer);
    const device = journalDevice(parts.path, rows, parts.openCommitter);
    const { boundMs = 2000, told = () => undefined } = second;
    const chain = openPair(
      {
        ...parts,
        boundMs,
        told,
        journal: { device, opened: await device.open() },
        second: { device: second.device, opened },
      },
      continued.tail,
    );
    return { ...continued, chain };
  } catch (error) {
    await within(parts.deadlineMs, opened.close()).catch(() => undefined);
    throw error;
  }
}

async function openSecond(device: Device, deadlineMs: number): Promise<OpenDevice> {
  return within(deadlineMs, device.open()).catch(unusable);
}

function inTime(reads: DeviceReads, deadlineMs: number): DeviceReads {
  return {
    last: () => within(deadlineMs, reads.last()),
    from: (n, max) => within(deadlineMs, reads.from(n, max)),
  };
}

function unusable(error: unknown): never {
  if (error instanceof Refusal) throw error;
  const detail = error instanceof Error ? error.message : String(error);
  throw refuse('audit_unavailable', 'the second file of the audit journal cannot be used', detail, error);
}
