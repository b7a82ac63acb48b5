// The protocol revisions that pass through the gateway. Revisions are ISO dates, so they compare as text.

/** Stateless revisions: every request carries its own `_meta` envelope. */
export const modernRevisions: readonly string[] = ['2026-07-28'];

/** Revisions with an `initialize` handshake and sessions. */
export const legacyRevisions: readonly string[] = ['2025-03-26', '2025-06-18', '2025-11-25'];

/** Whether a revision, known or not, belongs to the stateless era. */
export function isModern(revision: string): boolean {
  return revision >= '2026-07-28';
}
