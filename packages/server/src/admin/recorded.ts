import { Refusal, type Audit, type AuditContext, type Receipt } from '@sealgate/vault';

/** Who acts. */
export interface Operator {
  readonly context: AuditContext;
  readonly subject: string;
}

/** One change: what is done to what. */
export interface Act {
  readonly act: string;
  readonly object: string;
  /** The upstream it is about. */
  readonly service: string;
}

/**
 * Record first, act then: `work` gets the receipt of a durable entry, and what comes of it is noted.
 *
 * @throws Refusal `audit_unavailable`, and nothing was done; whatever `work` throws
 */
export async function recorded<T>(
  audit: Audit,
  { context }: Operator,
  act: Act,
  work: (receipt: Receipt) => Promise<T>,
): Promise<T> {
  const receipt = await audit.record('strict', context, act);
  try {
    const result = await work(receipt);
    audit.outcome(receipt.entry, context, { out: 'success' });
    return result;
  } catch (error) {
    audit.outcome(
      receipt.entry,
      context,
      error instanceof Refusal ? { out: 'failure', code: error.code } : { out: 'error', code: 'internal' },
    );
    throw error;
  }
}
