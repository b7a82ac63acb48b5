import type { Call } from '../calls.ts';
import type { Entry } from '../entry.ts';
import { uuid7Ms } from '../uuid7.ts';
import { callSource, type CallSource, type SealedCallParts } from './call-source.ts';
import type { PlacedRow } from './log-view.ts';
import { rowOfId } from './row-of-id.ts';

/** Ids run ahead of the time of their entries by less. */
const aheadMs = 10_000;

/** The call that an entry belongs to, in the sealed log or not sealed yet. @throws Refusal as `callSource`, `open_failed` */
export async function findSealed(
  parts: SealedCallParts,
  tenant: string | undefined,
  id: string,
): Promise<Call | undefined> {
  const found = await findEntry(parts, tenant, id);
  if (found === undefined) return undefined;
  const { cause } = found.entry;
  if (cause !== undefined) {
    const attempt = await findEntry(parts, tenant, cause);
    return attempt && { attempt: attempt.entry, outcome: found.entry };
  }
  return { attempt: found.entry, outcome: await outcomeOf(found) };
}

interface Found {
  readonly source: CallSource;
  readonly entry: Entry;
  /** `undefined`: it is not sealed. */
  readonly placed: PlacedRow | undefined;
}

async function findEntry(
  parts: SealedCallParts,
  tenant: string | undefined,
  id: string,
): Promise<Found | undefined> {
  const atMs = uuid7Ms(id);
  if (atMs === undefined) return undefined;
  const source = await callSource(parts, { tenant, sinceMs: Math.max(0, atMs - aheadMs) });
  const placed = await placeOf(source, id);
  if (placed !== undefined) return { source, placed, entry: await source.entry(placed, placed.row.ix) };
  const entry = await inTail(source, (each) => each.id === id);
  return entry && { source, entry, placed };
}

/** Where an entry stands that was sealed at the moment of the view. @param scope a tenant; all when not given */
export async function placeOf(
  { view }: Pick<CallSource, 'view'>,
  id: string,
  scope?: string,
): Promise<PlacedRow | undefined> {
  for (const { period, log } of view.logs) {
    if (scope !== undefined && log.scope !== scope) continue;
    const row = await rowOfId(period, log, id);
    if (row !== undefined && row.ix < log.size) return { period, log, row, ts: row.ts, id };
  }
  return undefined;
}

async function outcomeOf({ source, placed, entry }: Found): Promise<Entry | undefined> {
  const ended = placed && (await source.outcomePlace(placed));
  if (ended !== undefined) return source.entry(ended.at, ended.ix);
  return inTail(source, ({ cause }) => cause === entry.id);
}

async function inTail(source: CallSource, isMeant: (entry: Entry) => boolean): Promise<Entry | undefined> {
  for await (const page of source.tail('oldest')) {
    const entry = page.find(isMeant);
    if (entry !== undefined) return entry;
  }
  return undefined;
}
