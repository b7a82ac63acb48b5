import {
  acts,
  Refusal,
  type Act,
  type Audit,
  type AuditContext,
  type AuditOutcome,
  type Receipt,
} from '@sealgate/vault';

/** Who acts. */
export interface Operator {
  readonly context: AuditContext;
  readonly subject: string;
}

/** One change, or one look: what is done to what. */
export interface Change {
  readonly act: Act;
  readonly object: string;
  /** The upstream it is about. */
  readonly service: string;
}

/**
 * Record first, act then: `work` gets the receipt of an entry as sure as the act's class says, and what comes of it is noted.
 *
 * @throws Refusal `audit_unavailable`, and nothing was done; whatever `work` throws
 */
export async function recorded<T>(
  audit: Audit,
  { context }: Operator,
  change: Change,
  work: (receipt: Receipt) => Promise<T>,
): Promise<T> {
  const receipt = await audit.record(acts[change.act].cls, context, change);
  try {
    const result = await work(receipt);
    audit.outcome(receipt.entry, context, { out: 'success' });
    return result;
  } catch (error) {
    audit.outcome(receipt.entry, context, outcomeOf(error));
    throw error;
  }
}

/**
 * The same for what comes piece by piece. Who stops taking pieces has aborted it.
 *
 * @throws Refusal `audit_unavailable` before the first piece; whatever `pieces` throws
 */
export async function* recordedPieces<T>(
  audit: Audit,
  { context }: Operator,
  change: Change,
  pieces: () => AsyncIterable<T>,
): AsyncGenerator<T> {
  const receipt = await audit.record(acts[change.act].cls, context, change);
  let outcome: AuditOutcome = { out: 'aborted' };
  try {
    yield* pieces();
    outcome = { out: 'success' };
  } catch (error) {
    outcome = outcomeOf(error);
    throw error;
  } finally {
    audit.outcome(receipt.entry, context, outcome);
  }
}

function outcomeOf(error: unknown): AuditOutcome {
  if (!(error instanceof Refusal)) return { out: 'error', code: 'internal' };
  return { out: error.code === 'reading_ended' ? 'aborted' : 'failure', code: error.code };
}
