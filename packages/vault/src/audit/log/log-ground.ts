import type { Refusal } from '../../refusal.ts';
import type { Sealer } from '../../keys/sealer.ts';
import type { Rows } from '../rows.ts';
import type { LogKeyring } from './log-keyring.ts';
import type { Period, Segments, StatedHead } from './segments.ts';

/** What sealing stands on. */
export interface LogGround {
  readonly rows: Rows;
  readonly sealer: Sealer;
  readonly segments: Segments;
  readonly keyring: LogKeyring;
  /** Version of the redaction policy. */
  readonly policy: number;
  /** Logs that are older than what was stated of them, by origin: nothing is added to them. */
  readonly turnedBack: ReadonlyMap<string, StatedHead>;
  /** Told what went wrong and was got over. */
  readonly failed: (refusal: Refusal) => void;
}

/** The newest period. `undefined` before the first. */
export async function newestPeriod(segments: Segments): Promise<Period | undefined> {
  const name = (await segments.periods()).at(-1);
  return name === undefined ? undefined : segments.period(name);
}
