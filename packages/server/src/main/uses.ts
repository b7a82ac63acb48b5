import { lackingUses, type Journal, type LackingUse, type Records } from '@sealgate/vault';
import type { UsesFound } from '../domain/admin-answers.ts';
import type { Log } from '../log.ts';

// Credentials that were opened are counted where they are opened, apart from the journal, and the totals are kept in the
// tables: a log that says less than they do has lost entries, or never had them. Counting is in memory; totals are written
// down each minute and at the end, so a crash loses a minute of counting and can raise no alarm.

/** What counting stands on. */
export interface UsesParts {
  /** On the tables, sealed, of the deployment itself. */
  readonly records: Records;
  readonly journal: Pick<Journal, 'page' | 'stampMs' | 'health'>;
  /** How often each credential was opened since the opening, by the object of its entries. */
  readonly counted: () => ReadonlyMap<string, number>;
  /** Told of each credential once: the log has less than was counted. */
  readonly gap: (refusal: { readonly code: string }) => void;
  readonly log: Log;
  readonly now: () => number;
}

/** The uses of all credentials, counted apart from the journal. */
export interface Uses {
  /** Compare them with the journal. @throws Refusal those of the journal */
  check(): Promise<UsesFound>;
  /** Write down the totals. */
  close(): Promise<void>;
}

interface Kept {
  /** From when on was counted, by the clock of the journal. */
  readonly sinceMs: number;
  readonly totals: Readonly<Record<string, number>>;
}

const minuteMs = 60_000;
const dayMs = 86_400_000;
const keptMs = 400 * dayMs;
/** Credentials in one record: it stays far below what a record may hold. */
const atOnce = 250;

/** Go on counting for the journal's writer. @throws Refusal `store_unavailable`, `open_failed` */
export async function openUses(parts: UsesParts): Promise<Uses> {
  const { records, journal, counted, log } = parts;
  const { writer } = journal.health();
  const before = await totalsOf(records, writer);
  const sinceMs = before?.sinceMs ?? journal.stampMs();
  const totals = (): ReadonlyMap<string, number> => {
    const all = new Map(before?.totals);
    for (const [object, uses] of counted()) all.set(object, (all.get(object) ?? 0) + uses);
    return all;
  };
  const tell = tellOnce(parts);
  const check = async (): Promise<UsesFound> => {
    const all = totals();
    const lacking = await lackingUses(journal, all, sinceMs);
    lacking.forEach(tell);
    return { uses: [...all.values()].reduce((sum, uses) => sum + uses, 0), lacking };
  };
  let kept = sum(counted());
  const keep = async (): Promise<void> => {
    const now = sum(counted());
    if (now === kept) return;
    await writeTotals(parts, writer, { sinceMs, totals: totals() });
    kept = now;
  };
  const failed = (error: unknown): void =>
    log.warn({ err: error }, 'uses of credentials could not be counted');
  const keeping = setInterval(() => void keep().catch(failed), minuteMs).unref();
  const checking = setInterval(() => void check().catch(failed), dayMs).unref();
  return {
    check,
    async close() {
      clearInterval(keeping);
      clearInterval(checking);
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
    log.error({ object, counted, logged }, 'a credential was opened more often than the audit journal says');
    gap({ code: 'journal_broken' });
  };
}

function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((all, uses) => all + uses, 0);
}

async function totalsOf(
  records: Records,
  writer: string,
): Promise<{ readonly sinceMs: number; readonly totals: ReadonlyMap<string, number> } | undefined> {
  const totals = new Map<string, number>();
  let sinceMs: number | undefined;
  for (let part = 0; ; part += 1) {
    const found = await records.get(`${writer}/${part}`);
    if (found === undefined) break;
    const kept = JSON.parse(Buffer.from(found.bytes).toString('utf8')) as Kept;
    sinceMs ??= kept.sinceMs;
    for (const [object, uses] of Object.entries(kept.totals)) totals.set(object, uses);
  }
  return sinceMs === undefined ? undefined : { sinceMs, totals };
}

async function writeTotals(
  { records, now }: UsesParts,
  writer: string,
  { sinceMs, totals }: { readonly sinceMs: number; readonly totals: ReadonlyMap<string, number> },
): Promise<void> {
  const entries = [...totals];
  for (let part = 0; part * atOnce < entries.length; part += 1) {
    const kept: Kept = {
      sinceMs,
      totals: Object.fromEntries(entries.slice(part * atOnce, (part + 1) * atOnce)),
    };
    await records.put(`${writer}/${part}`, Buffer.from(JSON.stringify(kept)), { endsAtMs: now() + keptMs });
  }
}
