import { newestOf, type CallFilter } from '../calls.ts';
import type { Entry } from '../entry.ts';
import { callFlags } from '../leaf/call-flags.ts';
import type { LogKeys } from '../leaf/log-keys.ts';
import { serviceTally, tallyCall, type ServiceCount, type ServiceTally } from '../report/service-counts.ts';
import { callSource, type CallSource, type SealedCallParts } from './call-source.ts';
import { placeOf } from './find-sealed.ts';
import type { ViewedLog } from './log-view.ts';
import type { CountQuery } from './segments.ts';

// The index counts what is in it; one entry of each service is opened for its name, unless it is known from another tenant.
// What ended elsewhere, in another log or in the journal, is counted as not ended first, and corrected. Of a tenant whose keys
// are gone nobody can say what was accessed.

const { attempt, access, credential, token, unopened } = callFlags;

/** Accesses in the sealed log and in what is not sealed yet, by service. @throws Refusal as `callSource`, `open_failed` */
export async function sealedServices(
  parts: SealedCallParts,
  filter: Pick<CallFilter, 'tenant' | 'sinceMs' | 'untilMs'>,
): Promise<readonly ServiceCount[]> {
  const source = await callSource(parts, filter);
  const tally = serviceTally();
  const named = openNames(source);
  const { sinceMs, untilMs } = filter;
  const times = {
    ...(sinceMs !== undefined && { sinceMs }),
    ...(untilMs !== undefined && { untilMs: untilMs + 1 }),
  };
  for (const place of source.view.logs) {
    const keys = await source.keys(place.log.scope);
    if (keys === undefined) continue;
    const query = { ...times, below: place.log.size, openFlags: credential, counted: unopened };
    await count(tally, named(place, keys), { ...query, flags: attempt | access, without: token });
    await count(tally, named(place, keys), { ...query, flags: attempt | access | token, without: 0 });
  }
  await correct(source, filter, tally);
  return tally.list();
}

interface Named extends ViewedLog {
  name(by: 'svc' | 'actor', tag: number, ix: number): Promise<string>;
}

async function count(tally: ServiceTally, place: Named, query: CountQuery): Promise<void> {
  const by = (query.flags & token) === 0 ? 'svc' : 'actor';
  for (const { tag, rows, counted, last } of await place.period.counts(place.log, query, by)) {
    const name = tag === undefined ? '' : await place.name(by, tag, last.ix);
    tally.add(name, place.log.scope, { accesses: rows, failed: counted, lastMs: last.ts });
  }
}

/** Names of services that were met. Those of callers are not carried over from tenant to tenant: they may be forgotten in one. */
function openNames(source: CallSource): (place: ViewedLog, keys: LogKeys) => Named {
  const services = new Set<string>();
  return (place, keys) => ({
    ...place,
    async name(by, tag, ix) {
      if (by === 'svc') for (const name of services) if (keys.searchTag('svc', name) === tag) return name;
      const { svc, actor } = await source.entry(place, ix);
      if (by === 'actor') return actor?.id ?? '';
      if (svc !== undefined) services.add(svc);
      return svc ?? '';
    },
  });
}

async function correct(source: CallSource, filter: CallFilter, tally: ServiceTally): Promise<void> {
  const { sinceMs = -Infinity, untilMs = Infinity } = filter;
  const ended = async (scope: string, cause: string, outcome: () => Promise<Entry>): Promise<void> => {
    const placed = await placeOf(source, cause, scope);
    if (placed === undefined || placed.row.end !== undefined || placed.ts < sinceMs || placed.ts > untilMs)
      return;
    const began = await source.entry(placed, placed.row.ix);
    tallyCall(tally, { attempt: began, outcome: await outcome() }, { attempt: began, outcome: undefined });
  };
  for (const place of source.view.logs)
    for (const { cause, ix } of await source.caused(place))
      await ended(place.log.scope, cause, () => source.entry(place, ix));
  const outcomes = new Map<string, Entry>();
  for await (const calls of newestOf(source.tail('newest'), filter, outcomes))
    for (const call of calls) tallyCall(tally, call);
  for (const [cause, outcome] of outcomes) await ended(outcome.tenant, cause, async () => outcome);
}
