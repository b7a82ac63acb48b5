import { tableSpecs, type IndexSpec, type KeyOf, type TableName, type TableSpec } from '../store/spec.ts';
import type {
  Guard,
  ItemOf,
  Page,
  Query,
  Revision,
  Step,
  Stored,
  Tables,
  Transacted,
} from '../store/tables.ts';
import {
  blindAll,
  blindValue,
  invalid,
  itemFrom,
  keep,
  type DraftOf,
  type DraftStep,
  type KeyDraft,
} from './drafts.ts';
import { blindedAttributesOf, sealedFieldsOf, type SealedFieldOf } from './sealed-fields.ts';
import { sealedValue } from './sealed-values.ts';
import type { Sealer } from './sealer.ts';

/**
 * {@link Tables} whose secret attributes are never in clear (`sealedFields`, `blindedAttributes`). Writes take drafts:
 * bytes in a sealed attribute are sealed at the item's own place. Reads give items as they lie, with sealed text and
 * blinded keys; `openField` is the one way to a plaintext.
 */
export interface SealedTables {
  /** Blinded attributes of the key are given in clear, or kept. */
  get<T extends TableName>(table: T, key: KeyDraft<T>): Promise<Stored<ItemOf<T>> | undefined>;
  /** @throws Refusal `item_invalid` also for a sealed attribute that is neither bytes nor a sealed record, or has no place */
  put<T extends TableName>(table: T, draft: DraftOf<T>, guard?: Guard): Promise<Revision | undefined>;
  remove<T extends TableName>(table: T, key: KeyDraft<T>, guard?: Guard): Promise<boolean>;
  /** The partition of a blinded attribute is given in clear. Nothing is searched in sealed or blinded text. */
  query<T extends TableName>(table: T, query: Query<T>): Promise<Page<ItemOf<T>>>;
  scan<T extends TableName>(
    table: T,
    page: { readonly limit: number; readonly cursor?: string },
  ): Promise<Page<ItemOf<T>>>;
  transact(steps: readonly DraftStep[]): Promise<Transacted>;
  /** The item as a draft that writes its blinded attributes back as they were read; sealed text stays as it is anyway. */
  keep<T extends TableName>(table: T, item: ItemOf<T>): DraftOf<T>;
  /**
   * Open a sealed attribute of an item that was read.
   *
   * @returns the plaintext, in a buffer of its own that the caller wipes
   * @throws Refusal `open_failed`, `record_version_unknown`, `key_unavailable`; `item_invalid` when the attribute holds nothing sealed
   */
  openField<T extends TableName>(table: T, item: ItemOf<T>, field: SealedFieldOf<T>): Promise<Buffer>;
  close(): Promise<void>;
}

/** Tables behind a sealer. */
export function sealedTables(tables: Tables, sealer: Sealer): SealedTables {
  const keyIn = <T extends TableName>(table: T, key: KeyDraft<T>): KeyOf<T> => blindAll(sealer, table, key);
  return {
    get: async (table, key) => tables.get(table, keyIn(table, key)),
    put: async (table, draft, guard) => tables.put(table, await itemFrom(sealer, table, draft), guard),
    remove: async (table, key, guard) => tables.remove(table, keyIn(table, key), guard),
    query: async (table, query) => tables.query(table, blindQuery(sealer, table, query)),
    scan: (table, page) => tables.scan(table, page),
    async transact(steps) {
      return tables.transact(await Promise.all(steps.map((step) => stepFrom(sealer, step))));
    },
    keep,
    async openField(table, item, name) {
      const { kind, place, sealed } = sealedValue(table, item, name);
      return sealer.open(kind, place, sealed);
    },
    close: () => tables.close(),
  };
}

async function stepFrom(sealer: Sealer, step: DraftStep): Promise<Step> {
  if (typeof step !== 'object' || step === null) throw invalid('a step is no object');
  if ('put' in step)
    return {
      ...step,
      item: await itemFrom<TableName>(sealer, step.put, step.item as DraftOf<TableName>),
    } as Step;
  const table = 'remove' in step ? step.remove : step.check;
  return { ...step, key: blindAll(sealer, table, step.key) } as Step;
}

function blindQuery<T extends TableName>(sealer: Sealer, table: T, query: Query<T>): Query<T> {
  const blinded = blindedAttributesOf(table);
  const secret = [...blinded, ...sealedFieldsOf(table).map(([name]) => name)];
  if (query.contains !== undefined && secret.includes(query.contains.attribute))
    throw invalid(`${table}.${query.contains.attribute} cannot be searched`);
  const spec: TableSpec = tableSpecs[table];
  const by: IndexSpec | undefined =
    query.index === undefined ? spec : (spec.indexes as Record<string, IndexSpec> | undefined)?.[query.index];
  if (by === undefined || !blinded.includes(by.partition)) return query;
  return { ...query, partition: blindValue(sealer, `${table}.${by.partition}`, query.partition) };
}
