import type { LogEvent } from './events.ts';
import type { StatedHead } from './segments.ts';

// The first and the last leaf of a log, as JSON in the order of RFC 8785. Each log names the end of the one before it, so
// that none can be left out.

/** Why a log begins. `first`: the scope had none. `month`: a new month. `restored`: what lies here is older than what was stated. */
export type GenesisReason = 'first' | 'month' | 'restored';

/** The first leaf. @param before `null` when there was none */
export function genesisEvent(
  before: StatedHead | null,
  reason: GenesisReason,
  atMs: number,
): LogEvent {
  const genesis = before && {
    origin: before.origin,
    root: Buffer.from(before.root).toString('base64'),
    size: before.size,
  };
  return { leaf: JSON.stringify({ genesis, reason, ts: atMs, v: 1 }), body: '', row: undefined };
}

/** The last leaf. */
export function closeEvent(atMs: number): LogEvent {
  return { leaf: JSON.stringify({ close: true, ts: atMs, v: 1 }), body: '', row: undefined };
}

/** A leaf of the root log: what is stated of another log. */
export function rootEvent({ origin, root, size }: StatedHead): LogEvent {
  const leaf = JSON.stringify({ origin, root: Buffer.from(root).toString('base64'), size, v: 1 });
  return { leaf, body: '', row: undefined };
}
