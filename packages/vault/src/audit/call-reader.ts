import { endedCalls, newestCalls, oldestCalls, type Call, type CallFilter } from './calls.ts';
import { findCall } from './find-call.ts';
import { everyEntry, type EntryReader, type OnReached } from './every-entry.ts';
import { countedOpenings, type Openable, type Openings } from './openings.ts';
import type { ServiceCount } from './report/service-counts.ts';
import { countedServices } from './report/service-counts.ts';
import type { Stretch } from './stretch.ts';
import { statsOf, type Stats } from './report/stats.ts';

/** What whoever reads will not look at, so that it need not be opened: a reader may give it nevertheless. */
export interface CallHints {
  /** Nothing but accesses, or such accesses at which nothing could be opened. */
  readonly only?: 'access' | 'unopened';
  /** Nothing but calls that were judged to be outside of business hours when they were recorded, and those that nobody judged. */
  readonly hours?: true;
  /** Nothing but calls of the stretches that it gives for a time, the oldest first. */
  readonly within?: (sinceMs: number, untilMs: number) => readonly Stretch[];
}

/** Whatever has calls: a journal, or the sealed log and what is not sealed yet. Methods throw the reader's refusals. */
export interface CallReader {
  /** Calls that are meant, the newest attempt first. */
  newest(filter: CallFilter, hints?: CallHints): AsyncIterable<readonly Call[]>;
  /** Calls that are meant, the oldest attempt first. */
  oldest(filter: CallFilter): AsyncIterable<readonly Call[]>;
  /** Calls that are meant, in the order in which they ended; at last those that did not. */
  ended(filter: CallFilter, onReached?: OnReached): AsyncIterable<readonly Call[]>;
  /**
   * The call that an entry belongs to, by the id of its attempt or of its outcome.
   *
   * @param tenant whose entries are looked through; all when `undefined`
   * @returns `undefined` when there is no such entry
   */
  find(tenant: string | undefined, id: string): Promise<Call | undefined>;
  /** Accesses, counted by service, in no order. */
  services(filter: Pick<CallFilter, 'tenant' | 'sinceMs' | 'untilMs'>): Promise<readonly ServiceCount[]>;
  /** How often it was attempted to open these. */
  openings(things: readonly Openable[], within: Stretch): Promise<Openings>;
  /** Calls that are meant, counted by what they are. @param zone whose days, an IANA name @throws Refusal `item_invalid` for a zone that there is not */
  stats(filter: CallFilter, zone: string): Promise<Stats>;
}

/** Calls of one journal alone. */
export function journalCalls(journal: EntryReader): CallReader {
  return {
    newest: (filter) => newestCalls(journal, filter),
    oldest: (filter) => oldestCalls(journal, filter),
    ended: (filter, onReached) => endedCalls(journal, filter, onReached),
    find: (tenant, id) => findCall(journal, tenant, id),
    services: (filter) => countedServices(newestCalls(journal, filter)),
    openings: (things, within) =>
      countedOpenings(everyEntry(journal, { sinceMs: within.sinceMs, order: 'oldest' }), things, within),
    stats: (filter, zone) => statsOf(newestCalls(journal, filter), zone),
  };
}
