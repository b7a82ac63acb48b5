import type { Archive } from '../../store/archive.ts';
import type { LogIdentity } from '../log/log-source.ts';
import { monthEndMs, originOf, scopePart } from '../log/names.ts';
import type { Period, Segments, StoredLog } from '../log/segments.ts';
import { hasStated } from '../log/turned-back.ts';
import { archiveNames } from './archive-names.ts';
import { checkMonth } from './check-month.ts';
import type { Held } from './holds.ts';
import { endMonth, writeMonth } from './write-month.ts';

// A month that nothing is added to any more, and that is old enough, goes into the archive: written, read back and checked,
// and only then dropped here. Each step can be done again, so a process that is killed in between has lost nothing.

const dayMs = 24 * 3600_000;

/** What archiving works with. */
export interface ArchiveMonthsParts {
  readonly archive: Archive;
  readonly segments: Segments;
  readonly identity: LogIdentity;
  /** Days that entries stay where they are, before they may go into the archive. */
  readonly hotDays: number;
  readonly held: Held;
  /** Writes down that this is about to be done, has it done, and writes down what came of it. */
  readonly noted: <T>(
    act: 'audit.archive' | 'audit.expire',
    object: string,
    work: () => Promise<T>,
  ) => Promise<T>;
  /** As `SealedLog.drop`. */
  readonly drop: (month: string) => Promise<boolean>;
  readonly now: () => number;
}

/**
 * Archive every month that is due, the oldest first.
 *
 * @returns the months
 * @throws Refusal `store_unavailable`; what was dropped is in the archive, whole
 */
export async function archiveMonths(parts: ArchiveMonthsParts): Promise<readonly string[]> {
  const done: string[] = [];
  for (const month of (await parts.segments.periods()).slice(0, -1)) {
    const period = await parts.segments.period(month);
    const logs = await period.logs();
    if (!(await isDue(parts, period, logs)) || (await isHeld(parts, logs))) break;
    if (!(await parts.noted('audit.archive', `month:${month}`, () => archiveMonth(parts, period, logs))))
      break;
    done.push(month);
  }
  return done;
}

/** @returns whether it was dropped here, too */
async function archiveMonth(
  parts: ArchiveMonthsParts,
  period: Period,
  logs: readonly StoredLog[],
): Promise<boolean> {
  const { archive, segments, identity, now } = parts;
  const names = archiveNames(identity.deployment);
  const write = { archive, names, segments, identity, now };
  const written = await writeMonth(write, period);
  const byOrigin = new Map(logs.map((log) => [originOf(identity.deployment, log), log]));
  const stated = async (origin: string) => {
    const head = await segments.root.stated(origin);
    const log = byOrigin.get(origin);
    // One that came back from a backup has less than was stated of it. It is archived as it is.
    return head !== undefined && log !== undefined && (await hasStated(period, log, head)) ? head : undefined;
  };
  await checkMonth({ archive, names, identity, stated }, written.manifest);
  await endMonth(write, written);
  return !(await isHeld(parts, logs)) && parts.drop(period.name);
}

function isHeld({ held }: ArchiveMonthsParts, logs: readonly StoredLog[]): Promise<boolean> {
  return held(logs.map(({ scope }) => scopePart(scope)));
}

/** Whether the month's newest entry is old enough, and its logs are closed and published to their ends. */
async function isDue(
  { segments, identity, hotDays, now }: ArchiveMonthsParts,
  period: Period,
  logs: readonly StoredLog[],
): Promise<boolean> {
  let newestMs = 0;
  for (const log of logs) {
    const [row] = await period.rows(log, { descending: true, limit: 1 });
    newestMs = Math.max(newestMs, row?.ts ?? 0);
    if (log.note === undefined) return false;
    if (log.closed && log.notedSize === log.size) continue;
    const head = await segments.root.stated(originOf(identity.deployment, log));
    const turnedBack = head !== undefined && !(await hasStated(period, log, head));
    if (!turnedBack) return false;
  }
  // A month in which nothing was sealed has only lines that wait, and those the next one has taken over.
  return now() >= (newestMs || monthEndMs(period.name)) + hotDays * dayMs;
}
