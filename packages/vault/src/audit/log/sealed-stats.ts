import type { CallFilter } from '../calls.ts';
import { callFlags } from '../leaf/call-flags.ts';
import type { LogKeys, TagName } from '../leaf/log-keys.ts';
import { localDays, type LocalDay } from '../report/local-days.ts';
import { localClock, type LocalClock } from '../report/local-hours.ts';
import { countedCall, statsOf, statsTally, type Stats, type StatsTally } from '../report/stats.ts';
import { callRows } from './call-rows.ts';
import { callSource, type CallSource, type SealedCallParts } from './call-source.ts';
import type { ViewedLog } from './log-view.ts';
import { metNames } from './met-names.ts';
import { newestSealed } from './newest-calls.ts';
import { tellUncounted } from './uncounted.ts';

// The index counts what is in it, day by day; one entry of each name is opened, for the name. Where the filter says more than
// a tenant and a time, and of a tenant whose keys are gone or closed, calls are read one by one: tags say nothing there.

const by = ['act', 'out', 'svc'] as const satisfies readonly TagName[];
const { attempt } = callFlags;

/** Calls of the sealed log and of what is not sealed yet, counted. @throws Refusal as `callSource`, `open_failed`, `item_invalid` */
export async function sealedStats(parts: SealedCallParts, filter: CallFilter, zone: string): Promise<Stats> {
  if (!isOfTime(filter)) return statsOf(newestSealed(parts, filter, {}), zone);
  const clock = localClock(zone);
  const source = await callSource(parts, filter);
  const tally = statsTally();
  const names = openNames(source);
  for (const place of source.view.logs) {
    const keys = await source.keys(place.log.scope);
    if (keys === undefined) await countOneByOne(source, place, filter, { tally, clock });
    else
      for (const day of await daysOf(place, filter, clock))
        await countDay(tally, place, day, names(place, keys));
  }
  await correct(source, filter, { tally, clock });
  return tally.list();
}

function isOfTime({ tenant: _, sinceMs: _since, untilMs: _until, ...more }: CallFilter): boolean {
  return Object.values(more).every((value) => value === undefined);
}

/** Days of which a log has attempts that are meant. */
async function daysOf(
  { period, log }: ViewedLog,
  { sinceMs = 0, untilMs = Number.MAX_SAFE_INTEGER - 1 }: CallFilter,
  clock: LocalClock,
): Promise<readonly LocalDay[]> {
  const wanted = { flags: attempt, sinceMs, untilMs: untilMs + 1, tagsWanted: [], limit: 1 } as const;
  const [oldest] = await period.rows(log, wanted);
  const [newest] = await period.rows(log, { ...wanted, descending: true });
  return oldest === undefined || newest === undefined ? [] : [...localDays(clock, oldest.ts, newest.ts + 1)];
}

type NameIn = (name: (typeof by)[number], tag: number, at: { readonly ts: number }) => Promise<string>;

async function countDay(
  tally: StatsTally,
  { period, log }: ViewedLog,
  { day, sinceMs, untilMs }: LocalDay,
  nameOf: NameIn,
): Promise<void> {
  const query = { sinceMs, untilMs, below: log.size, flags: attempt, openFlags: 0, without: 0, counted: 0 };
  for (const { tags, rows, last } of await period.counts(log, query, by)) {
    const [act, out, svc] = tags;
    const counted = {
      act: act === undefined ? '' : await nameOf('act', act, last),
      outcome: out === undefined ? 'none' : await nameOf('out', out, last),
      service: svc === undefined ? undefined : await nameOf('svc', svc, last),
      day,
    };
    tally.add(counted, rows);
  }
}

/** Names in all logs: none of these is anybody's. */
function openNames(source: CallSource): (place: ViewedLog, keys: LogKeys) => NameIn {
  const nameOf = metNames();
  const opened = async (
    place: ViewedLog,
    name: (typeof by)[number],
    tag: number,
    at: { readonly ts: number },
  ) => {
    const asked = { flags: attempt, tags: { [name]: tag }, sinceMs: at.ts, untilMs: at.ts + 1, limit: 1 };
    const [row] = await place.period.rows(place.log, asked);
    if (row === undefined) throw new Error(`${place.log.shard} lacks a row that was counted`);
    if (name !== 'out') return (await source.entry(place, row.ix))[name] ?? '';
    return row.end === undefined ? 'none' : ((await source.entry(place, row.end.ix)).out ?? 'none');
  };
  return (place, keys) => (name, tag, at) => nameOf(name, tag, keys, () => opened(place, name, tag, at));
}

interface Counting {
  readonly tally: StatsTally;
  readonly clock: LocalClock;
}

async function countOneByOne(
  source: CallSource,
  place: ViewedLog,
  filter: CallFilter,
  { tally, clock }: Counting,
): Promise<void> {
  const wanted = { filter, keys: undefined, flags: attempt, descending: false, within: undefined };
  for await (const rows of callRows(place, wanted))
    for (const placed of rows) {
      const end = await source.outcomePlace(placed);
      const began = await source.entry(placed, placed.row.ix);
      const outcome = end && (await source.entry(end.at, end.ix));
      tally.add(countedCall({ attempt: began, outcome }, clock), 1);
    }
}

async function correct(source: CallSource, filter: CallFilter, { tally, clock }: Counting): Promise<void> {
  await tellUncounted(source, filter, {
    call: (call) => tally.add(countedCall(call, clock), 1),
    async ended(placed, outcome, from) {
      if (from === 'late' && (await source.keys(placed.log.scope)) === undefined) return;
      const began = await source.entry(placed, placed.row.ix);
      tally.add(countedCall({ attempt: began, outcome: undefined }, clock), -1);
      tally.add(countedCall({ attempt: began, outcome: await outcome() }, clock), 1);
    },
  });
}
