import { refuse } from '../refusal.ts';
import type { Row } from './engine.ts';
import { specOf } from './item-rules.ts';
import type { TableName } from './spec.ts';
import type { Item, Stored } from './tables.ts';

// A row holds its key beside the item, and the item holds it again. Whoever can write the file can put one person's
// item into another's row; what is sealed in it would still open, for an item's seal is bound to the item's own key.
// So an item is read only from the row it belongs to.

/**
 * The item of a row.
 *
 * @throws Refusal `store_unavailable` when the row holds no item, or that of another key
 */
export function storedOf<I extends Item>(table: TableName, { pk, sk, json, revision }: Row): Stored<I> {
  const { partition, sort } = specOf(table);
  const item = parsed(table, json);
  if (item[partition] !== pk || (sort === undefined ? '' : item[sort]) !== sk)
    throw damaged(`a row of ${table} holds the item of another key`);
  return { item: item as I, revision };
}

function parsed(table: TableName, json: string): Item {
  let item: unknown;
  try {
    item = JSON.parse(json);
  } catch {
    // The parser's own message would quote the row.
    throw damaged(`a row of ${table} holds no JSON`);
  }
  if (typeof item !== 'object' || item === null) throw damaged(`a row of ${table} holds no item`);
  return item as Item;
}

function damaged(detail: string): Error {
  return refuse('store_unavailable', 'a stored item is damaged; restore the data from a backup', detail);
}
