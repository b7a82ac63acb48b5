import { refuse } from '../refusal.ts';
import { parseRecord } from '../seal/record.ts';
import { fromText, toText } from '../seal/text-form.ts';
import { tableSpecs, type KeyOf, type TableName, type TableSpec } from '../store/spec.ts';
import type { Guard, Item, ItemOf, Value } from '../store/tables.ts';
import { systemTenant } from './system-tenant.ts';
import {
  blindedAttributesOf,
  sealedFieldsOf,
  type BlindedOf,
  type SealedField,
  type SealedFieldOf,
} from './sealed-fields.ts';
import type { Place, Sealer } from './sealer.ts';

// From what a caller writes to what lies in the store. In a draft, a sealed attribute is bytes (plaintext, to be
// sealed here) or the sealed text of an item that was read; a blinded attribute is text in clear, or a mark that only
// `keep` makes. A blinded text given as text is blinded again: whoever steals the store cannot present what lies in it.

/** A blinded attribute as it was read, to be written back as it is. Made by {@link keep} alone. */
export interface Blinded {
  readonly blinded: string;
}

/** An item of table `T` on its way in. */
export type DraftOf<T extends TableName> = {
  readonly [A in keyof KeyOf<T>]: A extends BlindedOf<T> ? string | Blinded : KeyOf<T>[A];
} & { readonly [A in SealedFieldOf<T>]?: Uint8Array | string } & Readonly<
    Record<string, Value | Uint8Array | Blinded>
  >;

/** A key of table `T`, its blinded part in clear or kept. */
export type KeyDraft<T extends TableName> = {
  readonly [A in keyof KeyOf<T>]: A extends BlindedOf<T> ? string | Blinded : KeyOf<T>[A];
};

/** One step of a transaction over drafts. */
export type DraftStep = {
  [T in TableName]:
    | { readonly put: T; readonly item: DraftOf<T>; readonly guard?: Guard }
    | { readonly remove: T; readonly key: KeyDraft<T>; readonly guard?: Guard }
    | { readonly check: T; readonly key: KeyDraft<T>; readonly guard: Guard };
}[TableName];

const kept = new WeakSet<object>();

/** The item as a draft that writes its blinded attributes back as they were read. */
export function keep<T extends TableName>(table: T, item: ItemOf<T>): DraftOf<T> {
  const draft: Record<string, Value | Blinded> = { ...item };
  for (const attribute of blindedAttributesOf(table)) {
    const blinded = item[attribute];
    if (typeof blinded === 'string') draft[attribute] = mark(blinded);
  }
  return draft as DraftOf<T>;
}

/** The text that lies in the store for a blinded attribute. */
export function blindValue(sealer: Pick<Sealer, 'blind'>, where: string, value: unknown): string {
  if (typeof value === 'string' && value !== '' && value.isWellFormed()) return sealer.blind(where, value);
  if (typeof value === 'object' && value !== null && kept.has(value)) return (value as Blinded).blinded;
  throw invalid(`${where} is neither text nor kept from an item`);
}

/** The object with its blinded attributes blinded. */
export function blindAll<R>(sealer: Pick<Sealer, 'blind'>, table: TableName, object: object): R {
  const blinded: Record<string, unknown> = { ...object };
  for (const attribute of blindedAttributesOf(table))
    if (Object.hasOwn(blinded, attribute))
      blinded[attribute] = blindValue(sealer, `${table}.${attribute}`, blinded[attribute]);
  return blinded as R;
}

/** The draft as the item that lies in the store: blinded and sealed at its own place. */
export async function itemFrom<T extends TableName>(
  sealer: Sealer,
  table: T,
  draft: DraftOf<T>,
): Promise<ItemOf<T>> {
  const item = blindAll<Record<string, Value | Uint8Array>>(sealer, table, draft);
  for (const [name, field] of sealedFieldsOf(table)) {
    const value = item[name];
    if (value === undefined && !Object.hasOwn(item, name)) continue;
    if (value instanceof Uint8Array)
      item[name] = toText(await sealer.seal(field.kind, placeIn(table, item as Item, name, field), value));
    else refuseClear(`${table}.${name}`, value, field);
  }
  return item as ItemOf<T>;
}

/**
 * Where a sealed attribute of this item lies, read from the item itself.
 *
 * @throws Refusal `item_invalid` when the item lacks a part of it
 */
export function placeIn(table: TableName, item: Item, name: string, field: SealedField): Place {
  const spec: TableSpec = tableSpecs[table];
  const key = [item[spec.partition], ...(spec.sort === undefined ? [] : [item[spec.sort]])];
  const { tenantAttribute, subjectAttribute, epochAttribute } = field;
  const tenant = tenantAttribute === undefined ? systemTenant : item[tenantAttribute];
  const subject = subjectAttribute === undefined ? '' : item[subjectAttribute];
  const epoch = epochAttribute === undefined ? 0 : item[epochAttribute];
  if (!key.every((part) => typeof part === 'string') || typeof tenant !== 'string' || tenant === '')
    throw invalid(`${table}.${name} has no complete key or no ${tenantAttribute ?? ''}`);
  if (typeof subject !== 'string' || typeof epoch !== 'number' || !Number.isSafeInteger(epoch) || epoch < 0)
    throw invalid(`${table}.${name} has no ${subjectAttribute ?? ''} or no ${epochAttribute ?? ''}`);
  // JSON of texts keeps partition and sort key apart whatever they hold.
  return { tenant, subject, table, record: JSON.stringify(key), field: fieldIn(item, name, field), epoch };
}

// An attribute that is missing is written as `null` in a list, and so is one that is `null`: neither says anything.
function fieldIn(item: Item, name: string, { boundAttributes }: SealedField): string {
  if (boundAttributes === undefined) return name;
  return JSON.stringify([name, ...boundAttributes.map((attribute) => item[attribute])], sorted);
}

// Names of an object in one order, for not every store keeps the one they were written in.
function sorted(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function refuseClear(where: string, value: unknown, field: SealedField): void {
  if (typeof value !== 'string') throw invalid(`${where} is neither bytes nor a sealed record`);
  try {
    if (parseRecord(fromText(value)).kind === field.kind) return;
  } catch {
    // The same refusal as for a record of another kind; what the text is does not go into any log.
  }
  throw invalid(`${where} is no sealed record of kind ${field.kind}: give bytes to have them sealed`);
}

function mark(blinded: string): Blinded {
  const made = Object.freeze({ blinded });
  kept.add(made);
  return made;
}

/** The refusal of a draft, key or query that would put something in clear. `detail` names attributes, never a value. */
export function invalid(detail: string): Error {
  return refuse('item_invalid', 'the item or query is outside the rules of the store', detail);
}
