import { tableSpecs, type TableName, type TableSpec } from '../store/spec.ts';
import type { FillableTables } from '../store/tables-on-engine.ts';
import type { Item, Step } from '../store/tables.ts';

// DynamoDB Local shows a write in its indexes at once, AWS later. Code that reads its own write through an index has to
// fail here and not there.

/** Tables whose indexes do not show what was just written. */
export interface LaggingTables extends FillableTables {
  /** Let every index show every write now. */
  settle(): void;
}

/**
 * Hide from index queries, for `lagMs` by `now`, what is written through these tables. What is removed is gone at once.
 *
 * @param now milliseconds since 1970
 */
export function laggingIndexes(
  tables: FillableTables,
  { lagMs, now }: { readonly lagMs: number; readonly now: () => number },
): LaggingTables {
  const visibleAtMs = new Map<string, number>();
  const wrote = (table: TableName, item: Item): void =>
    void visibleAtMs.set(nameOf(table, item), now() + lagMs);
  return {
    ...tables,
    async put(table, item, guard) {
      const revision = await tables.put(table, item, guard);
      if (revision !== undefined) wrote(table, item);
      return revision;
    },
    async transact(steps: readonly Step[]) {
      const transacted = await tables.transact(steps);
      if (transacted.done) for (const step of steps) if ('put' in step) wrote(step.put, step.item);
      return transacted;
    },
    async bringIn(table, ...items) {
      await tables.bringIn(table, ...items);
      for (const item of items) wrote(table, item);
    },
    async query(table, query) {
      const page = await tables.query(table, query);
      if (query.index === undefined) return page;
      const items = page.items.filter(({ item }) => (visibleAtMs.get(nameOf(table, item)) ?? 0) <= now());
      return { items, cursor: page.cursor };
    },
    settle: () => visibleAtMs.clear(),
  };
}

function nameOf(table: TableName, item: Item): string {
  const { partition, sort }: TableSpec = tableSpecs[table];
  return JSON.stringify([table, item[partition], sort === undefined ? '' : item[sort]]);
}
