import type { AuditLog } from '../packages/server/src/main/audit-log.ts';

// A log that is never sealed, in the place of the one there is: what is left is the journal. For the bench alone.

/** Nothing is ever sealed. */
export function openAuditLog(): AuditLog {
  const none = () => Promise.reject(new Error('nothing is sealed here'));
  return {
    start: () => undefined,
    makeWay: () => undefined,
    tagsOf: async () => undefined,
    catchUp: async () => undefined,
    log: none,
    former: () => Promise.reject(new Error('nothing is sealed')),
    segments: none,
    forget: async () => false,
    isBehind: () => false,
    health: () => ({ failing: false, failures: 0, sealed: 0, backlog: 0 }),
    close: async () => undefined,
  };
}
