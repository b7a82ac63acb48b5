import type { Call } from './calls.ts';
import type { Entry } from './entry.ts';
import { everyEntry, type EntryReader } from './every-entry.ts';
import { uuid7Ms } from './uuid7.ts';

// Ids are UUIDs of version 7: the time is in them, and within a busy millisecond they run ahead of it by a few.
const aheadMs = 10_000;

/**
 * The call that an entry belongs to, by the id of its attempt or of its outcome.
 *
 * @param tenant whose entries are looked through; all when `undefined`
 * @returns `undefined` when there is no such entry
 */
export async function findCall(
  reader: EntryReader,
  tenant: string | undefined,
  id: string,
): Promise<Call | undefined> {
  const found = await findEntry(reader, tenant, id);
  if (found?.cause !== undefined) {
    const attempt = await findEntry(reader, tenant, found.cause);
    return attempt && { attempt, outcome: found };
  }
  if (found === undefined) return undefined;
  const asked = { tenant, cause: id, sinceMs: found.ts, order: 'oldest' } as const;
  for await (const [outcome] of everyEntry(reader, asked))
    if (outcome !== undefined) return { attempt: found, outcome };
  return { attempt: found, outcome: undefined };
}

async function findEntry(
  reader: EntryReader,
  tenant: string | undefined,
  id: string,
): Promise<Entry | undefined> {
  const atMs = uuid7Ms(id);
  if (atMs === undefined) return undefined;
  const near = { tenant, id, sinceMs: atMs - aheadMs, untilMs: atMs, order: 'oldest' } as const;
  for await (const [entry] of everyEntry(reader, near)) if (entry !== undefined) return entry;
  return undefined;
}
