import type { CallFilter } from '../calls.ts';
import { callFlags } from '../leaf/call-flags.ts';
import type { LogKeys } from '../leaf/log-keys.ts';
import { serviceTally, tallyCall, type ServiceCount, type ServiceTally } from '../report/service-counts.ts';
import { callSource, type CallSource, type SealedCallParts } from './call-source.ts';
import type { ViewedLog } from './log-view.ts';
import { metNames } from './met-names.ts';
import type { CountQuery } from './segments.ts';
import { tellUncounted } from './uncounted.ts';

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
  await tellUncounted(source, filter, {
    call: (call) => tallyCall(tally, call),
    async ended(placed, outcome) {
      const began = await source.entry(placed, placed.row.ix);
      tallyCall(tally, { attempt: began, outcome: await outcome() }, { attempt: began, outcome: undefined });
    },
  });
  return tally.list();
}

interface Named extends ViewedLog {
  name(by: 'svc' | 'actor', tag: number, ix: number): Promise<string>;
}

async function count(tally: ServiceTally, place: Named, query: CountQuery): Promise<void> {
  const by = (query.flags & token) === 0 ? 'svc' : 'actor';
  for (const { tags, rows, counted, last } of await place.period.counts(place.log, query, [by])) {
    const [tag] = tags;
    const name = tag === undefined ? '' : await place.name(by, tag, last.ix);
    tally.add(name, place.log.scope, { accesses: rows, failed: counted, lastMs: last.ts });
  }
}

/** Those of callers are not carried over from tenant to tenant: they may be forgotten in one. */
function openNames(source: CallSource): (place: ViewedLog, keys: LogKeys) => Named {
  const serviceOf = metNames();
  return (place, keys) => ({
    ...place,
    async name(by, tag, ix) {
      const entry = () => source.entry(place, ix);
      return by === 'actor'
        ? ((await entry()).actor?.id ?? '')
        : serviceOf(by, tag, keys, async () => (await entry()).svc ?? '');
    },
  });
}
