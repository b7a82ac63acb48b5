import {
  lackingUses,
  tenantOfObject,
  usesLeft,
  type CallReader,
  type CountedUses,
  type Journal,
  type LackingUse,
  type Records,
} from '@sealgate/vault';
import type { UsesFound } from '../domain/admin-answers.ts';
import type { Log } from '../log.ts';
import { keptUses, keepUses } from './kept-uses.ts';
import { openRounds } from './rounds.ts';
import { openTotals } from './use-totals.ts';

// Credentials that were opened are counted where they are opened, apart from the log, and the totals are kept in the tables: a
// log that says less than they do has lost entries, or never had them. Counting is in memory; totals are written down each
// minute and at the end, so a crash loses a minute of counting and can raise no alarm. They are compared once a day, and when all
// of them are in the log they begin anew: only what was not compared yet has to be there still.

/** What counting stands on. */
export interface UsesParts {
  /** On the tables, sealed, of the deployment itself. */
  readonly records: Records;
  /** The whole log. */
  readonly calls: Pick<CallReader, 'openings'>;
  readonly journal: Pick<Journal, 'stampMs' | 'health'>;
  /** How often each credential was opened since the opening, by the object of its entries. */
  readonly counted: () => ReadonlyMap<string, number>;
  /** Told of each credential once: the log has less than was counted. */
  readonly gap: (refusal: { readonly code: string }) => void;
  readonly log: Log;
  readonly now: () => number;
}

/** The uses of all credentials, counted apart from the log. */
export interface Uses {
  /** Compare them with the log. @throws Refusal those of the reader */
  check(): Promise<UsesFound>;
  /** Compare them when that is due, and write down the totals. */
  run(): Promise<void>;
  /** Write down the totals. */
  close(): Promise<void>;
}

// The first one comes before the archive takes its oldest month away.
const firstMs = 20_000;
const minuteMs = 60_000;
const dayMs = 86_400_000;
/** An attempt that is older stands in the log, and its credential was opened, or never will be. */
const settledAfterMs = 3600_000;

/** Go on counting for the journal's writer. @throws Refusal `store_unavailable`, `open_failed` */
export async function openUses(parts: UsesParts): Promise<Uses> {
  const { records, journal, calls, log, now } = parts;
  const { writer } = journal.health();
  const before = (await keptUses(records, writer)) ?? { sinceMs: journal.stampMs(), totals: new Map() };
  const totals = openTotals(before, parts.counted);
  const compared = { reader: calls, tenantOf: tenantOfObject };
  const tell = tellOnce(parts);
  const check = async (counted: CountedUses): Promise<UsesFound> => {
    const lacking = await lackingUses(compared, counted);
    lacking.forEach(tell);
    return { uses: sum(counted.totals), lacking };
  };
  let kept = totals.now();
  const keep = async (): Promise<void> => {
    const latest = totals.now();
    if (latest.sinceMs === kept.sinceMs && sum(latest.counts) === sum(kept.counts)) return;
    await keepUses(records, writer, latest, now());
    kept = latest;
  };
  let checkedAtMs = -Infinity;
  const checkDue = async (): Promise<void> => {
    const counted = totals.now();
    const settledMs = journal.stampMs() - settledAfterMs;
    if (now() - checkedAtMs < dayMs || settledMs - counted.sinceMs < dayMs) return;
    checkedAtMs = now();
    const { lacking } = await check(counted);
    const left = lacking.length > 0 ? undefined : await usesLeft(compared, counted, settledMs);
    if (left !== undefined) totals.begin(counted, left);
  };
  const run = async (): Promise<void> => {
    await checkDue().catch(failed);
    await keep().catch(failed);
  };
  const failed = (error: unknown): void =>
    log.warn({ err: error }, 'uses of credentials could not be counted');
  const rounds = openRounds(run, { firstMs, everyMs: minuteMs });
  rounds.start();
  return {
    check: () => check(totals.now()),
    run,
    async close() {
      await rounds.end();
      await keep().catch(failed);
    },
  };
}

function tellOnce({ log, gap }: Pick<UsesParts, 'log' | 'gap'>): (use: LackingUse) => void {
  const told = new Map<string, number>();
  return ({ object, counted, logged }) => {
    const lacks = counted - logged;
    if ((told.get(object) ?? 0) >= lacks) return;
    told.set(object, lacks);
    log.error({ object, counted, logged }, 'a credential was opened more often than the audit log says');
    gap({ code: 'journal_broken' });
  };
}

function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((all, uses) => all + uses, 0);
}
