import { refuse } from '../refusal.ts';
import type { ContextOf } from '../seal/kinds.ts';
import type { Place, PlacedKind } from './sealer.ts';

/**
 * What the additional data of a record at this place binds.
 *
 * @throws Refusal `context_invalid` when a part is missing, not well-formed text, or the epoch no whole number
 */
export function contextAt(deployment: string, kind: PlacedKind, place: Place): ContextOf<PlacedKind> {
  const { tenant, subject, table, record, field, epoch } = place;
  if (!isText(tenant) || !isText(subject) || tenant === '') throw outside();
  if (!isText(table) || !isText(record) || !isText(field)) throw outside();
  if (!Number.isSafeInteger(epoch) || epoch < 0) throw outside();
  return { deployment, tenant, subject, kind, table, record, field, epoch: String(epoch) };
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value.isWellFormed();
}

function outside(): Error {
  return refuse('context_invalid', 'the place of a sealed value is not complete');
}
