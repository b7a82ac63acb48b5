import { randomInt, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  TransactWriteItemsCommand,
  type CancellationReason,
  type DynamoDBClient,
  type TransactWriteItem,
} from '@aws-sdk/client-dynamodb';

// Every write is a transaction, also of one item: only a transaction carries a token by which DynamoDB knows a repeated
// request (TransactWriteItems, "Idempotency": ten minutes). A lost answer is asked for again and tells what became of
// the first request: a counter counts once, and who made an item is not told that it was there already. The price is
// twice the write units of a plain put.

/** Conflicts in a row until the store counts as overloaded: about six seconds. */
const attemptsMax = 16;
const pauseMsMax = 500;

// The SDK repeats requests that were lost or throttled, but not these.
const retried = new Set(['ProvisionedThroughputExceeded', 'ThrottlingError', 'TransactionConflict']);

/**
 * Carry out all or none.
 *
 * @param abortSignal ends it; whether it happened is not known then
 * @returns the index of the first whose condition failed; `undefined` when all happened
 * @throws errors of the SDK
 */
export async function transactOnce(
  client: DynamoDBClient,
  TransactItems: TransactWriteItem[],
  abortSignal: AbortSignal,
): Promise<number | undefined> {
  // One token for every attempt: one that seemed lost and yet arrives late happens in place of the next.
  const ClientRequestToken = randomUUID();
  for (let attempt = 1; ; attempt += 1) {
    try {
      await client.send(new TransactWriteItemsCommand({ TransactItems, ClientRequestToken }), {
        abortSignal,
      });
      return undefined;
    } catch (error) {
      const reasons = reasonsOf(error);
      const again =
        reasons.some(({ Code = '' }) => retried.has(Code)) ||
        conflicts(error) ||
        isUnexplained(error, reasons);
      if (!again) {
        const lost = reasons.findIndex(({ Code }) => Code === 'ConditionalCheckFailed');
        if (lost === -1) throw error;
        return lost;
      }
      if (attempt === attemptsMax) throw error;
    }
    await sleep(pauseMsOf(attempt), undefined, { signal: abortSignal });
  }
}

// Random over the whole stretch, so that those who met do not meet again.
function pauseMsOf(attempt: number): number {
  return randomInt(1, Math.min(pauseMsMax, 10 * 2 ** attempt));
}

// The second: the request that seemed lost is still under way, and has our token.
function conflicts(error: unknown): boolean {
  return (
    error instanceof Error &&
    (error.name === 'TransactionConflictException' || error.name === 'TransactionInProgressException')
  );
}

// Cancelled, and no item is named as the reason: nothing happened, and nothing speaks against another attempt.
function isUnexplained(error: unknown, reasons: readonly CancellationReason[]): boolean {
  const cancelled = error instanceof Error && error.name === 'TransactionCanceledException';
  return cancelled && reasons.every(({ Code = 'None' }) => Code === 'None');
}

function reasonsOf(error: unknown): readonly CancellationReason[] {
  return error instanceof Error && 'CancellationReasons' in error && Array.isArray(error.CancellationReasons)
    ? (error.CancellationReasons as readonly CancellationReason[])
    : [];
}
