import { refuse } from '../refusal.ts';
import type { Row, TableKey } from './engine.ts';
import { tableSpecs, type IndexSpec, type TableSpec } from './spec.ts';

// The rules of an item, held in front of every adapter so that what one store takes, all take (DynamoDB's limits,
// with room for the attributes an adapter adds). An item that breaks one is refused, never bent into shape.

/** Largest item: its names and values in UTF-8 and three bytes for each, which covers DynamoDB's own count of 400 KB. */
const itemBytesMax = 390 * 1024;
/** Largest partition key, also of an index, in UTF-8 bytes. */
export const partitionBytesMax = 2048;
/** Largest sort key, also of an index, in UTF-8 bytes. */
export const sortBytesMax = 1024;
const depthMax = 32;
/** The attribute in which a store that keeps items by their own names puts the revision beside them; no item may have it. */
export const revisionAttribute = 'sealgate:rev';
/** DynamoDB keeps no magnitude below 1e-130. */
const magnitudeMin = 1e-128;

/** The one refusal of an item, key or query. `detail` names tables and attributes, never a value. */
export function itemInvalid(detail: string): Error {
  return refuse('item_invalid', 'the item or query is outside the rules of the store', detail);
}

/** @throws Refusal `item_invalid` for a name that is no table */
export function specOf(table: string): TableSpec {
  const spec = Object.hasOwn(tableSpecs, table)
    ? (tableSpecs as Record<string, TableSpec>)[table]
    : undefined;
  if (spec === undefined) throw itemInvalid(`unknown table ${JSON.stringify(table)}`);
  return spec;
}

/** @throws Refusal `item_invalid` for a name that is no index of the table */
export function indexOf(table: string, index: string): IndexSpec {
  const indexes = specOf(table).indexes ?? {};
  const spec = Object.hasOwn(indexes, index) ? indexes[index] : undefined;
  if (spec === undefined) throw itemInvalid(`unknown index ${JSON.stringify(index)} of ${table}`);
  return spec;
}

/** Text of a key: not empty, well-formed, not over its limit. */
export function checkKeyText(value: unknown, bytesMax: number, where: string): string {
  if (typeof value !== 'string' || value === '') throw itemInvalid(`${where} is not text or is empty`);
  if (!value.isWellFormed()) throw itemInvalid(`${where} holds a lone surrogate`);
  if (Buffer.byteLength(value) > bytesMax) throw itemInvalid(`${where} is over ${bytesMax} bytes`);
  return value;
}

/** The key of one item, by the table's own attribute names. Other attributes are not looked at. */
export function checkedKey(table: string, key: unknown): TableKey {
  const spec = specOf(table);
  if (typeof key !== 'object' || key === null) throw itemInvalid(`the key for ${table} is no object`);
  const attributes = key as Record<string, unknown>;
  const pk = checkKeyText(attributes[spec.partition], partitionBytesMax, `${table}.${spec.partition}`);
  const sk =
    spec.sort === undefined ? '' : checkKeyText(attributes[spec.sort], sortBytesMax, `${table}.${spec.sort}`);
  return { pk, sk };
}

/** The item as a row without a revision. */
export function checkedItem(
  table: string,
  item: unknown,
): Omit<Row, 'revision'> & { readonly bytes: number } {
  const spec = specOf(table);
  const key = checkedKey(table, item);
  const attributes = item as Record<string, unknown>;
  if (Object.hasOwn(attributes, revisionAttribute))
    throw itemInvalid(`the item for ${table} holds ${revisionAttribute}`);
  const bytes = measure(attributes, 0, table);
  if (bytes > itemBytesMax) throw itemInvalid(`the item for ${table} is over ${itemBytesMax} bytes`);
  for (const index of Object.values(spec.indexes ?? {})) checkIndexKeys(table, index, attributes);
  const ttlSeconds = spec.ttl === undefined ? undefined : attributes[spec.ttl];
  if (
    ttlSeconds !== undefined &&
    !(typeof ttlSeconds === 'number' && Number.isSafeInteger(ttlSeconds) && ttlSeconds >= 0)
  )
    throw itemInvalid(`${table}.${spec.ttl ?? ''} is not in whole Unix seconds`);
  return { ...key, ttlSeconds, json: JSON.stringify(attributes), bytes };
}

function checkIndexKeys(table: string, index: IndexSpec, attributes: Record<string, unknown>): void {
  if (Object.hasOwn(attributes, index.partition))
    checkKeyText(attributes[index.partition], partitionBytesMax, `${table}.${index.partition}`);
  if (index.sort === undefined || !Object.hasOwn(attributes, index.sort)) return;
  const value = attributes[index.sort];
  if (index.sortType !== 'number') checkKeyText(value, sortBytesMax, `${table}.${index.sort}`);
  else if (typeof value !== 'number') throw itemInvalid(`${table}.${index.sort} is no number`);
}

function measure(value: unknown, depth: number, where: string): number {
  switch (typeof value) {
    case 'string':
      if (!value.isWellFormed()) throw itemInvalid(`${where} holds a lone surrogate`);
      return Buffer.byteLength(value) + 3;
    case 'number':
      checkNumber(value, where);
      return String(value).length + 3;
    case 'boolean':
      return 5 + 3;
    case 'object':
      if (value === null) return 4 + 3;
      if (depth >= depthMax) throw itemInvalid(`${where} is nested over ${depthMax} levels`);
      return Array.isArray(value) ? measureList(value, depth, where) : measureMap(value, depth, where);
    default:
      throw itemInvalid(`${where} holds a value of type ${typeof value}`);
  }
}

function checkNumber(value: number, where: string): void {
  const unsafe = Number.isInteger(value) && !Number.isSafeInteger(value);
  const tiny = value !== 0 && Math.abs(value) < magnitudeMin;
  if (!Number.isFinite(value) || unsafe || tiny)
    throw itemInvalid(`${where} holds a number that not every store keeps`);
}

function measureList(list: readonly unknown[], depth: number, where: string): number {
  // Holes and named properties would be lost on the way.
  if (Object.getPrototypeOf(list) !== Array.prototype || Object.keys(list).length !== list.length)
    throw itemInvalid(`${where} holds a list that is not plain`);
  return list.reduce<number>((bytes, value) => bytes + measure(value, depth + 1, where), 3);
}

function measureMap(map: object, depth: number, where: string): number {
  const prototype: unknown = Object.getPrototypeOf(map);
  if ((prototype !== Object.prototype && prototype !== null) || Object.getOwnPropertySymbols(map).length > 0)
    throw itemInvalid(`${where} holds an object that is not plain`);
  let bytes = 3;
  for (const [name, value] of Object.entries(map)) {
    if (name === '' || name === '__proto__' || !name.isWellFormed())
      throw itemInvalid(`${where} holds an attribute name that is not allowed`);
    const at = depth === 0 ? `${where}.${name}` : where;
    bytes += Buffer.byteLength(name) + 3 + measure(value, depth + 1, at);
  }
  return bytes;
}
