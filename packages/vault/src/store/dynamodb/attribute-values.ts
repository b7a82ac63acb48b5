import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { refuse } from '../../refusal.ts';
import type { Item, Value } from '../tables.ts';

// Items as DynamoDB's typed values, nothing added: an item lies there by its own attribute names and is a copy of the
// same item anywhere else. Types that `Value` has not (binary, sets) are refused, not bent: whoever wrote them would
// find something else after the next write.

/** An item that passed the rules, as DynamoDB takes it. */
export function attributesOf(item: Item): Record<string, AttributeValue> {
  return Object.fromEntries(Object.entries(item).map(([name, value]) => [name, attributeOf(value)]));
}

/** One value as DynamoDB takes it. */
export function attributeOf(value: Value): AttributeValue {
  switch (typeof value) {
    case 'string':
      return { S: value };
    case 'number':
      return { N: String(value) };
    case 'boolean':
      return { BOOL: value };
    default:
      if (value === null) return { NULL: true };
      if (isList(value)) return { L: value.map(attributeOf) };
      return { M: attributesOf(value) };
  }
}

/**
 * An item as it was before {@link attributesOf}.
 *
 * @throws Refusal `store_unavailable` for a type that no item of ours holds
 */
export function itemFromAttributes(attributes: Readonly<Record<string, AttributeValue>>): Item {
  return Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, valueFrom(value)]));
}

function valueFrom({ S, N, BOOL, NULL, L, M }: AttributeValue): Value {
  if (S !== undefined) return S;
  if (N !== undefined) return numberFrom(N);
  if (BOOL !== undefined) return BOOL;
  if (NULL !== undefined) return null;
  if (L !== undefined) return L.map(valueFrom);
  if (M !== undefined) return itemFromAttributes(M);
  throw unreadable('an attribute is binary or a set');
}

function numberFrom(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && !Number.isSafeInteger(value))
    throw unreadable('a number is beyond what is kept exactly');
  return value;
}

// `Array.isArray` does not narrow readonly lists.
function isList(value: readonly Value[] | { readonly [name: string]: Value }): value is readonly Value[] {
  return Array.isArray(value);
}

function unreadable(detail: string): Error {
  return refuse(
    'store_unavailable',
    'a stored item holds a value that no item can hold; something else wrote it',
    detail,
  );
}
