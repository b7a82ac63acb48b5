import type { CallHints } from '../call-reader.ts';
import { partsOf, type CallFilter } from '../calls.ts';
import type { Entry } from '../entry.ts';
import { everyEntry, type EntryReader } from '../every-entry.ts';
import type { LogKeys } from '../leaf/log-keys.ts';
import { callRows, flagsFor } from './call-rows.ts';
import type { LogKeyring } from './log-keyring.ts';
import { viewLog, type LogView, type PlacedRow, type ViewedLog, type ViewParts } from './log-view.ts';
import { mergedInTime, type TimedSource } from './merge-in-time.ts';
import { monthEndMs } from './names.ts';
import { entryOpener, isKeysClosed, type OpenParts } from './open-entries.ts';
import type { IndexRow } from './segments.ts';

/** What calls of the sealed log are read with. */
export interface SealedCallParts extends Omit<ViewParts, 'sealer'>, OpenParts {
  readonly keyring: Pick<LogKeyring, 'find'>;
  /** Has what is not sealed yet, in one journal or in several. */
  readonly journal: EntryReader;
}

/** Where an outcome stands, and when it came. */
export interface OutcomePlace {
  readonly at: ViewedLog;
  readonly ix: number;
  readonly ts: number;
}

/** Calls as of one moment, to be opened one by one. */
export interface CallSource {
  readonly view: LogView;
  /** Keys of a scope; `undefined`: destroyed, or they do not open at present and all scopes are asked for. */
  keys(scope: string): Promise<LogKeys | undefined>;
  /** Rows of attempts that may be meant, by log. */
  rows(hints: CallHints, descending: boolean): Promise<readonly TimedSource<PlacedRow>[]>;
  entry(place: ViewedLog, ix: number): Promise<Entry>;
  /** The entry of an attempt. @returns `undefined` when the filter does not mean it */
  attempt(placed: PlacedRow): Promise<Entry | undefined>;
  /** Where the outcome stands that a row's attempt had at that moment; `undefined` when it had none that is sealed. */
  outcomePlace(placed: PlacedRow): Promise<OutcomePlace | undefined>;
  /** Outcomes of a log whose attempts stand in another one. */
  caused(place: ViewedLog): Promise<readonly (IndexRow & Required<Pick<IndexRow, 'cause'>>)[]>;
  /** What is not sealed, as calls' entries, in the order of time: held, and in the journals. */
  tail(order: 'newest' | 'oldest'): AsyncGenerator<readonly Entry[]>;
}

const causedMax = 1_000_000_000;

/** Look at the log, and be ready to open what is in it. @throws Refusal `store_unavailable`, `key_unavailable`; `key_disabled` for the tenant that is asked for */
export async function callSource(parts: SealedCallParts, filter: CallFilter): Promise<CallSource> {
  const view = await viewLog(parts, filter.tenant, filter.sinceMs);
  const open = entryOpener(parts, (scope) => filter.tenant !== scope);
  const { caused, lateIn } = causedIn(view);
  const { isMeant } = partsOf(filter);
  const { isMeant: mayBeMeant } = partsOf({ ...filter, actor: undefined, agent: undefined, ip: undefined });
  const keys = memoized(async (scope: string) => {
    try {
      return await parts.keyring.find(scope);
    } catch (error) {
      if (filter.tenant !== scope && isKeysClosed(error)) return undefined;
      throw error;
    }
  });
  return {
    view,
    keys,
    caused,
    async entry({ period, log }, ix) {
      return (await open(period, log, ix))!;
    },
    async attempt({ period, log, row: { ix } }) {
      const entry = await open(period, log, ix, mayBeMeant);
      return entry !== undefined && isMeant(entry) ? entry : undefined;
    },
    async rows(hints, descending) {
      const { within } = hints;
      const flags = flagsFor(filter, hints);
      return Promise.all(
        view.logs.map(async (place) => {
          const wanted = { filter, keys: await keys(place.log.scope), flags, descending, within } as const;
          return { pages: () => callRows(place, wanted), untilMs: monthEndMs(place.period.name) };
        }),
      );
    },
    async outcomePlace({ row: { end, id }, period, log }) {
      if (end !== undefined && end.ix < log.size) return { at: { period, log }, ...end };
      return (await lateIn(log.scope)).get(id);
    },
    tail(order) {
      const { seams: behind, held } = view;
      const { tenant, sinceMs } = filter;
      const pages = () => everyEntry(parts.journal, { tenant, sinceMs, order, behind });
      if (held.length === 0) return pages();
      const waiting = order === 'oldest' ? held : held.toReversed();
      const sources = [pages, () => onePage(waiting)].map((each) => ({ pages: each, untilMs: Infinity }));
      return mergedInTime(sources, order === 'newest');
    },
  };
}

async function* onePage<V>(page: V): AsyncGenerator<V> {
  yield page;
}

/** Outcomes whose attempts stand in another log: by log, and by scope and cause. */
function causedIn(view: LogView) {
  const caused: CallSource['caused'] = memoized(async ({ period, log }: ViewedLog) => {
    const rows = await period.rows(log, { caused: true, limit: causedMax });
    return rows.flatMap((row) =>
      row.cause === undefined || row.ix >= log.size ? [] : [{ ...row, cause: row.cause }],
    );
  });
  const lateIn = memoized(async (scope: string) => {
    const lates = new Map<string, OutcomePlace>();
    for (const at of view.logs)
      if (at.log.scope === scope)
        for (const { cause, ix, ts } of await caused(at)) lates.set(cause, { at, ix, ts });
    return lates;
  });
  return { caused, lateIn };
}

function memoized<K, V>(make: (key: K) => Promise<V>): (key: K) => Promise<V> {
  const known = new Map<K, Promise<V>>();
  return (key) => {
    const made = known.get(key) ?? make(key);
    known.set(key, made);
    return made;
  };
}
