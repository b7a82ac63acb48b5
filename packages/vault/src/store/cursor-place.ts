import { cursorInvalid } from './cursor.ts';
import type { Position, Row, Span, TableKey } from './engine.ts';
import { indexOf } from './item-rules.ts';
import { boundsOf, within } from './sort-range.ts';
import type { TableName } from './spec.ts';
import type { Item } from './tables.ts';

// The place a cursor of tables holds: the key of the last row looked at, and its sort value in the index. The digest in
// a cursor is no signature, so a place is held against the query it comes back with.

/** The place of a row in an index, or in the table itself. */
export function placeOf(
  table: TableName,
  index: string | undefined,
  row: Row,
  item: Item,
): readonly (string | number)[] {
  const sort = index === undefined ? undefined : indexOf(table, index).sort;
  const value = sort === undefined ? undefined : item[sort];
  return typeof value === 'string' || typeof value === 'number' ? [row.pk, row.sk, value] : [row.pk, row.sk];
}

/** @throws Refusal `cursor_invalid` for a place that a page of this span cannot have ended at */
export function positionIn(
  table: TableName,
  span: Omit<Span, 'after'>,
  place: readonly (string | number)[],
): Position {
  const key = keyIn(place.slice(0, 2));
  const [, , sort] = place;
  const spec = span.index === undefined ? undefined : indexOf(table, span.index);
  const sortType = spec?.sort === undefined ? 'undefined' : (spec.sortType ?? 'string');
  if (typeof sort !== sortType || place.length > 3) throw cursorInvalid('not a place of this index');
  if (spec === undefined && key.pk !== span.partition) throw cursorInvalid('a place in another partition');
  const value = spec === undefined ? key.sk : sort;
  if (value !== undefined && !within(boundsOf(span.range), value))
    throw cursorInvalid('a place outside the range');
  return { ...key, sort };
}

/** @throws Refusal `cursor_invalid` for a place that is not one key */
export function keyIn(place: readonly (string | number)[]): TableKey {
  const [pk, sk] = place;
  if (typeof pk !== 'string' || typeof sk !== 'string' || place.length > 2)
    throw cursorInvalid('no key inside');
  return { pk, sk };
}
