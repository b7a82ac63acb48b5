import type { Receipt } from '../receipt.ts';
import type { AuditClass, AuditContext, AuditFields, AuditOutcome } from './entry.ts';

/** The only way into the journal. */
export interface Audit {
  /**
   * Write an attempt. Resolves when the entry is as sure as its class demands.
   *
   * @returns a receipt bound to `fields.act` and `fields.object`, to be redeemed by whoever acts
   * @throws Refusal `audit_unavailable` when no entry can be written: the act must not happen
   */
  record(cls: AuditClass, context: AuditContext, fields: AuditFields): Promise<Receipt>;
  /**
   * Write what came of an attempt. Queued in a bounded queue and never waited for: an attempt without an
   * outcome shows in the log by itself. Failure to write is counted and logged, not thrown.
   *
   * @param attempt `Receipt.entry` of the attempt
   */
  outcome(attempt: string, context: AuditContext, outcome: AuditOutcome): void;
}
