import type { IndexName, KeyOf, TableName } from './spec.ts';

/** What an item may hold. Bytes travel as base64url text, so that every store and every export holds the same. */
export type Value = string | number | boolean | null | readonly Value[] | { readonly [name: string]: Value };

/** One item: attributes by name. Attributes that are `undefined` are refused, not dropped. */
export type Item = { readonly [attribute: string]: Value };

/** An item of table `T`: its key and whatever else it carries. */
export type ItemOf<T extends TableName> = KeyOf<T> & Item;

/** Guards the next write. New at every write and never used again for that key. */
export type Revision = string;

/** What was read. `revision` is `undefined` for items that an import brought in and nobody has written since. */
export interface Stored<I = Item> {
  readonly item: I;
  readonly revision: Revision | undefined;
}

/** A condition on a write. `ifRevision: undefined` demands an imported item that nobody has written since. */
export type Guard = { readonly ifAbsent: true } | { readonly ifRevision: Revision | undefined };

/** A range of the sort attribute, in UTF-8 byte order for text. Bounds are exclusive for `before` and `after`, inclusive for `between`. */
export type SortRange =
  | { readonly beginsWith: string }
  | { readonly before: string | number }
  | { readonly after: string | number }
  | { readonly between: readonly [string | number, string | number] };

/** A question to one partition of a table or of one of its indexes. */
export interface Query<T extends TableName> {
  /** `undefined`: the table itself, read consistently. An index may lag behind the table by seconds. */
  readonly index?: IndexName<T>;
  readonly partition: string;
  readonly range?: SortRange;
  readonly descending?: boolean;
  /** Items looked at, 1 to 1000. As in DynamoDB it counts before `contains` filters: a page may be short or empty and still have a cursor. */
  readonly limit: number;
  /** From the page before, of the same query. */
  readonly cursor?: string;
  /** Keep the items whose text attribute holds this text, compared as stored. */
  readonly contains?: { readonly attribute: string; readonly text: string };
}

/** One page. `cursor` is `undefined` on the last one. */
export interface Page<I = Item> {
  readonly items: readonly Stored<I>[];
  readonly cursor: string | undefined;
}

/** One step of a transaction. `check` writes nothing and only holds the others to its condition. */
export type Step = {
  [T in TableName]:
    | { readonly put: T; readonly item: ItemOf<T>; readonly guard?: Guard }
    | { readonly remove: T; readonly key: KeyOf<T>; readonly guard?: Guard }
    | { readonly check: T; readonly key: KeyOf<T>; readonly guard: Guard };
}[TableName];

/** All steps happened, or none did and `lost` is the index of the first step whose guard failed. */
export type Transacted = { readonly done: true } | { readonly done: false; readonly lost: number };

/**
 * What the application queries. DynamoDB-shaped on purpose: every adapter keeps exactly these promises, and
 * `tablesContract` proves them. Expired items (see `TableSpec.ttl`) are never returned, however late a store deletes them.
 *
 * Every method throws `Refusal`: `item_invalid` for an item, key or query outside the rules (sizes, types, limits),
 * `cursor_invalid` for a cursor of another query, `store_unavailable` when the store cannot answer.
 */
export interface Tables {
  /** Consistent read. `undefined` when absent or expired. */
  get<T extends TableName>(table: T, key: KeyOf<T>): Promise<Stored<ItemOf<T>> | undefined>;
  /** Write the whole item. Returns the new revision, or `undefined` when the guard lost. */
  put<T extends TableName>(table: T, item: ItemOf<T>, guard?: Guard): Promise<Revision | undefined>;
  /** Returns whether the item is gone because of this call; without a guard an absent item counts as `false`. */
  remove<T extends TableName>(table: T, key: KeyOf<T>, guard?: Guard): Promise<boolean>;
  query<T extends TableName>(table: T, query: Query<T>): Promise<Page<ItemOf<T>>>;
  /** Everything, in no promised order. For administration, export and sweeps; never on a request's path. */
  scan<T extends TableName>(
    table: T,
    page: { readonly limit: number; readonly cursor?: string },
  ): Promise<Page<ItemOf<T>>>;
  /** 1 to 100 steps, no key twice. */
  transact(steps: readonly Step[]): Promise<Transacted>;
  close(): Promise<void>;
}
