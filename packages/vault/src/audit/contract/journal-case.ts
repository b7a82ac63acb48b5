import { caseOn } from '../../store/contract/case-on.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Entry } from '../entry.ts';
import type { Journal } from '../journal.ts';

/** How a journal of a case is opened. */
export interface JournalChoices {
  /** Attempts that may wait at once. */
  readonly queueEntriesMax?: number;
}

/** A place for one journal, as a case of `journalContract` needs it. A failed commit is tried again after 10 ms. */
export interface JournalBench {
  /** Go on with the journal; it was never opened, or was closed. */
  open(choices?: JournalChoices): Promise<Journal>;
  /** Open it once more, as a process would that takes the first for gone. */
  openAgain(): Promise<Journal>;
  /** From now on no commit happens, or all do again. */
  outage(on: boolean): void;
  /** The next commit happens, but whoever asked for it is not told so. */
  loseAnswer(): void;
  /** Change the payload of a batch behind everybody's back. */
  change(n: number): Promise<void>;
  /** Remove a batch behind everybody's back. */
  remove(n: number): Promise<void>;
  /** Close what is open, and remove everything. */
  end(): Promise<void>;
}

/** Makes an empty place. */
export type OpenJournalBench = () => Promise<JournalBench>;

/** One promise of a journal. `run` throws an assertion error when the adapter breaks it. */
export interface JournalCase {
  readonly name: string;
  run(open: OpenJournalBench): Promise<void>;
}

/** A case that makes a place, runs, and removes it whatever happens. */
export function onJournal(name: string, body: (bench: JournalBench) => Promise<void>): JournalCase {
  return caseOn(name, body, (bench) => bench.end());
}

/** A line that is told from others by its number, of this time. */
export function lineOf(n: number, ts = n): string {
  return JSON.stringify({ id: `id-${n}`, ts, tenant: 'group-1' });
}

/** Append lines one by one: each is a batch of its own. */
export async function appendEach(journal: Journal, from: number, to: number): Promise<void> {
  for (let n = from; n <= to; n += 1) await journal.append(lineOf(n));
}

/** Wait until it writes again, and nothing waits to be written. */
export async function mended(journal: Pick<Journal, 'health'>): Promise<void> {
  while (journal.health().failing || journal.health().waiting > 0) await sleep(5);
}

/** Numbers of all lines, page by page. */
export async function numbersIn(
  journal: Pick<Journal, 'page'>,
  order: 'newest' | 'oldest' = 'oldest',
  limit = 1000,
): Promise<number[]> {
  const found: Entry[] = [];
  let cursor: string | undefined;
  do {
    const page = await journal.page({ order, limit, ...(cursor === undefined ? {} : { cursor }) });
    found.push(...page.entries);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return found.map(({ id }) => Number(id.slice(3)));
}

/** All numbers from one to the other. */
export function upTo(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, at) => from + at);
}
