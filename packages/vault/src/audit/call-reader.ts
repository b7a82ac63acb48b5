import { endedCalls, newestCalls, type Call, type CallFilter } from './calls.ts';
import { findCall } from './find-call.ts';
import type { EntryReader, OnReached } from './every-entry.ts';
import type { ServiceCount } from './report/service-counts.ts';
import { countedServices } from './report/service-counts.ts';

/** A stretch of time, in milliseconds since 1970. */
export interface Stretch {
  readonly sinceMs: number;
  /** Behind the last. */
  readonly untilMs: number;
}

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
}

/** Calls of one journal alone. */
export function journalCalls(journal: EntryReader): CallReader {
  return {
    newest: (filter) => newestCalls(journal, filter),
    ended: (filter, onReached) => endedCalls(journal, filter, onReached),
    find: (tenant, id) => findCall(journal, tenant, id),
    services: (filter) => countedServices(newestCalls(journal, filter)),
  };
}
