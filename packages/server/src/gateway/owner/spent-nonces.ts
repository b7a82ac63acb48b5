import { ticketMs } from './pass-ticket.ts';

/** Nonces of tickets that were shown here already. */
export interface SpentNonces {
  /** @returns `spent` for the second time and ever after; `full` when there is no room to remember it */
  spend(nonce: string, atMs: number): 'new' | 'spent' | 'full';
}

/** Remembered in memory: a ticket names one instance, and an instance that starts again has another name. */
export function spentNonces(now: () => number, noncesMax = 200_000): SpentNonces {
  const endsAtMs = new Map<string, number>();
  // In the order they came. A clock ahead of ours makes one stay up to a ticket's life longer than its neighbours.
  const dropEnded = (): void => {
    for (const [nonce, ends] of endsAtMs) {
      if (ends > now()) return;
      endsAtMs.delete(nonce);
    }
  };
  return {
    spend(nonce, atMs) {
      dropEnded();
      if (endsAtMs.has(nonce)) return 'spent';
      if (endsAtMs.size >= noncesMax) return 'full';
      endsAtMs.set(nonce, atMs + 2 * ticketMs);
      return 'new';
    },
  };
}
