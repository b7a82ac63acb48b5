import type { Entry } from '../entry.ts';
import { callFlags } from '../leaf/call-flags.ts';
import type { LogKeys } from '../leaf/log-keys.ts';
import { countedOpenings, type Openable, type Openings } from '../openings.ts';
import type { Stretch } from '../stretch.ts';
import { callSource, type CallSource, type SealedCallParts } from './call-source.ts';
import { placeOf } from './find-sealed.ts';
import type { ViewedLog } from './log-view.ts';
import { isKeysClosed } from './open-entries.ts';

// The index counts: no entry is opened. Two objects may share a tag, so it may be a little more than there were.

const { attempt, credential, opening } = callFlags;

/** As `CallReader.openings`, of the sealed log and what is not sealed yet. @throws Refusal as `callSource` */
export async function sealedOpenings(
  parts: SealedCallParts,
  things: readonly Openable[],
  within: Stretch,
): Promise<Openings> {
  const source = await callSource(parts, { sinceMs: within.sinceMs });
  const counts = new Map<string, number | 'closed'>(await countedOpenings(unsealed(source), things, within));
  for (const [tenant, own] of Map.groupBy(things, (thing) => thing.tenant)) {
    const logs = source.view.logs.filter(({ log }) => log.scope === tenant);
    const keys = await keysOf(parts, tenant);
    if (keys === 'closed') own.forEach(({ object }) => counts.set(object, keys));
    else if (keys === undefined) own.forEach(({ object }) => logs.length > 0 && counts.delete(object));
    else for (const place of logs) await addCounts(counts, place, { keys, own, within });
  }
  return counts;
}

async function keysOf(
  { keyring }: Pick<SealedCallParts, 'keyring'>,
  tenant: string,
): Promise<LogKeys | 'closed' | undefined> {
  try {
    return await keyring.find(tenant);
  } catch (error) {
    if (isKeysClosed(error)) return 'closed';
    throw error;
  }
}

async function addCounts(
  counts: Map<string, number | 'closed'>,
  { period, log }: ViewedLog,
  {
    keys,
    own,
    within,
  }: { readonly keys: LogKeys; readonly own: readonly Openable[]; readonly within: Stretch },
): Promise<void> {
  const flags = attempt | credential | opening;
  const query = { ...within, below: log.size, flags, openFlags: 0, without: 0, counted: 0 };
  const byTag = new Map(
    (await period.counts(log, query, ['obj'])).map(({ tags, rows }) => [tags[0], rows] as const),
  );
  for (const { object } of own) {
    const before = counts.get(object);
    const more = byTag.get(keys.searchTag('obj', object)) ?? 0;
    if (typeof before === 'number') counts.set(object, before + more);
  }
}

/** Entries of the tail that are not among those that the index counts. */
async function* unsealed(source: CallSource): AsyncGenerator<readonly Entry[]> {
  for await (const page of source.tail('oldest')) {
    if (!source.view.overlaps) {
      yield page;
      continue;
    }
    for (const entry of page)
      if ((await placeOf(source, entry.id, entry.tenant)) === undefined) yield [entry];
  }
}
