import type { Batch } from '../batch.ts';
import { textIn, type ItemKey } from '../log/dynamodb/items.ts';
import type { LogTable } from '../log/dynamodb/log-table.ts';
import { batchesFrom, batchItem, journalPart } from './batch-items.ts';
import { reached } from './batch-rows.ts';

/**
 * Put a trim mark in place of its batch, and remove what stands before it. Whoever is interrupted leaves holes before the mark,
 * and nobody asks what stands there.
 *
 * @throws Refusal `audit_unavailable`
 */
export async function trimItems(table: LogTable, mark: Batch): Promise<void> {
  await reached(table.put(batchItem(mark), 'always'));
  const part = journalPart(mark.writer);
  const places = batchesFrom(mark.n - 1, true);
  const items = await reached(table.list({ part, places, keysOnly: true }));
  const keys: ItemKey[] = items.map((item) => ({ part, place: textIn(item, 'place') }));
  await reached(table.batch([], keys));
}
