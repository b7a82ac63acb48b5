import { randomBytes } from 'node:crypto';
import { keyIn, placeOf, positionIn } from './cursor-place.ts';
import { readCursor, writeCursor } from './cursor.ts';
import { expired, type Engine, type Row, type Rows } from './engine.ts';
import { checkedItem, checkedKey, specOf } from './item-rules.ts';
import { storedOf } from './stored-item.ts';
import { checkedLimit, checkedQuery, checkedSteps, conditionOf } from './query-rules.ts';
import type { KeyOf, TableName } from './spec.ts';
import type { Guard, Item, ItemOf, Page, Query, Revision, Step, Tables, Transacted } from './tables.ts';

// The front of every adapter: rules, revisions, cursors, expiry and filters are written once, here.

/** What the front of an adapter needs from outside. */
export interface FrontOptions {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Random bytes for revisions; `node:crypto` when not given. */
  readonly random?: ((bytes: number) => Uint8Array) | undefined;
}

/** Tables that an import can fill. */
export interface FillableTables extends Tables {
  /** Write the whole item as an import does: without a guard, and without a revision until somebody writes it. */
  bringIn<T extends TableName>(table: T, item: ItemOf<T>): Promise<void>;
}

/** Put the front of every adapter before an engine. */
export function tablesOnEngine(engine: Engine, { now, random = randomBytes }: FrontOptions): FillableTables {
  const nowSeconds = (): number => now() / 1000;
  // 120 random bits: not a counter, which a lost last write would hand out again.
  const revise = (): Revision => Buffer.from(random(15)).toString('base64url');
  return {
    ...readsOf(engine, nowSeconds),
    ...writesOf(engine, nowSeconds, revise),
    async close() {
      await engine.close();
    },
  };
}

function writesOf(
  engine: Engine,
  nowSeconds: () => number,
  revise: () => Revision,
): Pick<FillableTables, 'put' | 'remove' | 'transact' | 'bringIn'> {
  return {
    async put<T extends TableName>(table: T, item: ItemOf<T>, guard?: Guard) {
      const row = { ...checkedItem(table, item), revision: revise() };
      const lost = await engine.apply(
        [{ act: 'put', table, row, condition: conditionOf(guard) }],
        nowSeconds(),
      );
      return lost === undefined ? row.revision : undefined;
    },
    async remove<T extends TableName>(table: T, key: KeyOf<T>, guard?: Guard) {
      const row = checkedKey(table, key);
      const condition = conditionOf(guard) ?? 'present';
      const lost = await engine.apply([{ act: 'remove', table, row, condition }], nowSeconds());
      return lost === undefined && condition !== 'absent';
    },
    async transact(steps: readonly Step[]): Promise<Transacted> {
      const lost = await engine.apply(checkedSteps(steps, revise), nowSeconds());
      return lost === undefined ? { done: true } : { done: false, lost };
    },
    async bringIn<T extends TableName>(table: T, item: ItemOf<T>) {
      const row = { ...checkedItem(table, item), revision: undefined };
      await engine.apply([{ act: 'put', table, row, condition: undefined }], nowSeconds());
    },
  };
}

function readsOf(engine: Engine, nowSeconds: () => number): Pick<Tables, 'get' | 'query' | 'scan'> {
  const page = pageMaker(nowSeconds);
  return {
    async get<T extends TableName>(table: T, key: KeyOf<T>) {
      const row = await engine.get(table, checkedKey(table, key));
      return row === undefined || expired(row.ttlSeconds, nowSeconds())
        ? undefined
        : storedOf<ItemOf<T>>(table, row);
    },
    async query<T extends TableName>(table: T, query: Query<T>) {
      const span = checkedQuery(table, query);
      const { index, partition, range, descending } = span;
      const { contains, cursor } = query;
      const question = [table, index, partition, range, descending, contains?.attribute, contains?.text];
      const after = cursor === undefined ? undefined : positionIn(table, span, readCursor(question, cursor));
      const rows = await engine.read(table, { ...span, after });
      return page<ItemOf<T>>(table, rows, contains, (row, item) =>
        writeCursor(question, placeOf(table, index, row, item)),
      );
    },
    async scan<T extends TableName>(
      table: T,
      { limit, cursor }: { readonly limit: number; readonly cursor?: string },
    ) {
      specOf(table);
      const question = ['scan', table];
      const after = cursor === undefined ? undefined : keyIn(readCursor(question, cursor));
      const rows = await engine.scan(table, checkedLimit(limit), after);
      return page<ItemOf<T>>(table, rows, undefined, (row) => writeCursor(question, [row.pk, row.sk]));
    },
  };
}

function pageMaker(nowSeconds: () => number) {
  return <I extends Item>(
    table: TableName,
    { rows, more }: Rows,
    contains: { readonly attribute: string; readonly text: string } | undefined,
    cursorAt: (row: Row, item: Item) => string,
  ): Page<I> => {
    const read = rows.map((row) => ({ row, stored: storedOf<I>(table, row) }));
    const items = read
      .filter(({ row }) => !expired(row.ttlSeconds, nowSeconds()))
      .map(({ stored }) => stored)
      .filter(
        ({ item }) => contains === undefined || textOf(item, contains.attribute).includes(contains.text),
      );
    const last = read.at(-1);
    return { items, cursor: more && last !== undefined ? cursorAt(last.row, last.stored.item) : undefined };
  };
}

function textOf(item: Item, attribute: string): string {
  const value = item[attribute];
  return typeof value === 'string' ? value : '';
}
