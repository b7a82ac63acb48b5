import { Refusal, refuse } from '../../refusal.ts';
import type { LogTable } from '../log/dynamodb/log-table.ts';
import type { Rows } from '../rows.ts';
import { batchesFrom, batchFrom, batchKey, journalPart } from './batch-items.ts';

/** Batches of one writer. @throws Refusal `audit_unavailable`, `journal_broken` from the methods */
export function batchRows(table: LogTable, writer: string): Rows {
  const part = journalPart(writer);
  const list = async (n: number, descending: boolean, max: number) => {
    const places = batchesFrom(n, descending);
    const items = await reached(table.list({ part, places, descending, page: max }, max));
    return items.map((item) => batchFrom(writer, item));
  };
  return {
    async at(n) {
      const item = await reached(table.get(batchKey(writer, n)));
      return item === undefined ? undefined : batchFrom(writer, item);
    },
    last: async () => (await list(Number.MAX_SAFE_INTEGER, true, 1))[0],
    from: (n, descending, max = 64) => list(n, descending, max),
    close: () => undefined,
  };
}

/** Wait for the database. @throws Refusal `audit_unavailable` instead of `store_unavailable` */
export async function reached<V>(work: Promise<V>): Promise<V> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof Refusal && error.code === 'store_unavailable')) throw error;
    const message = `the audit journal cannot be reached: ${error.message}`;
    throw refuse('audit_unavailable', message, error.detail, error);
  }
}
