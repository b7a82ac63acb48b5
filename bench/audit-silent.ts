import type { Audit } from '../packages/vault/src/audit/audit.ts';
import { openAudit as openWritten, type AuditOptions } from '../packages/vault/src/audit/record.ts';

// An audit that writes nothing, in the place of the one there is: for the bench, in a process that it starts for itself.
// Only the audit room can issue receipts, so an entry is still put together, and then dropped.

const nowhere: AuditOptions['journal'] = {
  append: async () => undefined,
  queue: async () => undefined,
  offer: () => true,
  stampMs: () => Date.now(),
};

/** Receipts for entries that nobody keeps. */
export function openAudit(): Audit {
  return openWritten({ journal: nowhere });
}
