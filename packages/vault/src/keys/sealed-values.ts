import { fromText } from '../seal/text-form.ts';
import type { TableName } from '../store/spec.ts';
import type { ItemOf } from '../store/tables.ts';
import { invalid, placeIn } from './drafts.ts';
import { sealedFieldsOf } from './sealed-fields.ts';
import type { Place, PlacedKind } from './sealer.ts';

// Reading a sealed attribute's place from its item costs about as much as opening it. For an item that is frozen through
// and through both stay what they are, so they are kept with it, for as long as somebody holds the item.

/** What lies sealed in an attribute, and where. */
export interface SealedValue {
  readonly kind: PlacedKind;
  readonly place: Place;
  readonly sealed: Uint8Array;
}

const ofFrozen = new WeakMap<object, Map<string, SealedValue>>();

/**
 * The sealed value of an item that was read.
 *
 * @throws Refusal `item_invalid` when the attribute holds nothing sealed or the item lacks a part of its place, `open_failed`
 *   when it is not in the text form of a record
 */
export function sealedValue<T extends TableName>(table: T, item: ItemOf<T>, name: string): SealedValue {
  const where = `${table}.${name}`;
  const known = ofFrozen.get(item)?.get(where);
  if (known !== undefined) return known;
  const field = sealedFieldsOf(table).find(([each]) => each === name)?.[1];
  const text = item[name];
  if (field === undefined || typeof text !== 'string') throw invalid(`${where} holds nothing sealed`);
  const value = { kind: field.kind, place: placeIn(table, item, name, field), sealed: fromText(text) };
  if (frozenThrough(item)) ofFrozen.set(item, (ofFrozen.get(item) ?? new Map()).set(where, value));
  return value;
}

/** Freeze a value read from a table, and whatever it holds. */
export function freezeThrough<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  for (const held of Object.values(value)) freezeThrough(held);
  return Object.freeze(value);
}

function frozenThrough(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return Object.isFrozen(value) && Object.values(value).every(frozenThrough);
}
