import { randomBytes } from 'node:crypto';
import { keyIn, placeOf, positionIn } from './cursor-place.ts';
import { readCursor, writeCursor } from './cursor.ts';
import { expired, type Change, type Engine, type Row, type Rows } from './engine.ts';
import {
  endFreeze,
  readFreeze,
  settleMsOf,
  writeFreeze,
  writeGate,
  type Freeze,
  type WriteGate,
} from './freeze.ts';
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
  /** Milliseconds of a clock that never goes back; that of the process when not given. */
  readonly ticks?: (() => number) | undefined;
}

/**
 * Tables that can be copied and filled. While they are frozen, writes are refused with `store_frozen`; `bringIn` is not.
 */
export interface FillableTables extends Tables {
  /** Write whole items as an import does: without a guard, and without a revision until somebody writes them. No key twice. */
  bringIn<T extends TableName>(table: T, ...items: readonly ItemOf<T>[]): Promise<void>;
  /** As `scan`, expired items among them. */
  scanAll<T extends TableName>(
    table: T,
    page: { readonly limit: number; readonly cursor?: string },
  ): Promise<Page<ItemOf<T>>>;
  /** The freeze in force, read consistently. */
  frozen(): Promise<Freeze | undefined>;
  /** Freeze, or note more about one's own freeze. Holds for everybody after `settleMs`. @returns whether it stands; `false`: somebody else's does */
  freeze(freeze: Freeze): Promise<boolean>;
  /** End the freeze of this freezeId. @returns whether it stood */
  thaw(freezeId: string): Promise<boolean>;
  /** Milliseconds after which no write that was let in before a freeze can happen any more. */
  readonly settleMs: number;
}

/** Put the front of every adapter before an engine. */
export function tablesOnEngine(
  engine: Engine,
  { now, random = randomBytes, ticks = () => performance.now() }: FrontOptions,
): FillableTables {
  const nowSeconds = (): number => now() / 1000;
  // 120 random bits: not a counter, which a lost last write would hand out again.
  const revise = (): Revision => Buffer.from(random(15)).toString('base64url');
  return {
    ...readsOf(engine, nowSeconds),
    ...writesOf(gated(engine, writeGate(engine, ticks)), nowSeconds, revise),
    frozen: () => readFreeze(engine),
    freeze: (freeze) => writeFreeze(engine, freeze, revise()),
    thaw: (freezeId) => endFreeze(engine, freezeId),
    settleMs: settleMsOf(engine),
    async close() {
      await engine.close();
    },
  };
}

// A write that is let in begins at once, so that the time it can take counts from there.
function gated(engine: Engine, gate: WriteGate): Pick<Engine, 'apply' | 'fill'> {
  return {
    apply(changes: readonly Change[], nowSeconds: number) {
      const admitted = gate.admit(changes);
      if (admitted === undefined) return engine.apply(changes, nowSeconds);
      return admitted.then(() => engine.apply(changes, nowSeconds));
    },
    fill: engine.fill,
  };
}

function writesOf(
  engine: Pick<Engine, 'apply' | 'fill'>,
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
    async bringIn<T extends TableName>(table: T, ...items: readonly ItemOf<T>[]) {
      const rows = items.map((item) => ({ ...checkedItem(table, item), revision: undefined }));
      await engine.fill(table, rows);
    },
  };
}

function readsOf(
  engine: Engine,
  nowSeconds: () => number,
): Pick<FillableTables, 'get' | 'query' | 'scan' | 'scanAll'> {
  const page = pageMaker(nowSeconds);
  const scanning = scanOf(engine);
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
    scan: (table, place) => scanning(table, place, page),
    scanAll: (table, place) =>
      scanning(
        table,
        place,
        pageMaker(() => -Infinity),
      ),
  };
}

function scanOf(engine: Engine) {
  return async <T extends TableName>(
    table: T,
    { limit, cursor }: { readonly limit: number; readonly cursor?: string },
    page: ReturnType<typeof pageMaker>,
  ): Promise<Page<ItemOf<T>>> => {
    specOf(table);
    const question = ['scan', table];
    const after = cursor === undefined ? undefined : keyIn(readCursor(question, cursor));
    const rows = await engine.scan(table, checkedLimit(limit), after);
    return page<ItemOf<T>>(table, rows, undefined, (row) => writeCursor(question, [row.pk, row.sk]));
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
