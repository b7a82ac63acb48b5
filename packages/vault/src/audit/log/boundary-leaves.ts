import { closeText, genesisText, namedText, type Named } from '../../audit-verify/leaves.ts';
import type { LogEvent } from './events.ts';

// The first and the last leaf of a log, and what the root log says of it.

/** Why a log begins. `first`: the scope had none. `month`: a new month. `restored`: what lies here is older than what was stated. */
export type GenesisReason = 'first' | 'month' | 'restored';

/** The first leaf. @param previous the log before it, as it was left; `undefined` when there was none */
export function genesisEvent(previous: Named | undefined, reason: GenesisReason, atMs: number): LogEvent {
  return plainEvent(genesisText({ previous, reason }, atMs));
}

/** The last leaf. */
export function closeEvent(atMs: number): LogEvent {
  return plainEvent(closeText(atMs));
}

/** A leaf of the root log. */
export function rootEvent(named: Named): LogEvent {
  return plainEvent(namedText(named));
}

function plainEvent(leaf: string): LogEvent {
  return { leaf, body: '', row: undefined };
}
