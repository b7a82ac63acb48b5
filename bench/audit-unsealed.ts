import type { AuditLog } from '../packages/server/src/main/audit-log.ts';

// A log that is never sealed, in the place of the one there is: what is left is the journal. For the bench alone.

/** Nothing is ever sealed. */
export function openAuditLog(): AuditLog {
  const none = () => Promise.reject(new Error('nothing is sealed here'));
  return {
    start: () => undefined,
    makeWay: () => undefined,
    catchUp: async () => undefined,
    log: none,
    segments: none,
    forget: async () => false,
    health: () => ({ failing: false, failures: 0, sealed: 0 }),
    close: async () => undefined,
  };
}
