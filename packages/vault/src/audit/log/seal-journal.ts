import { refuse } from '../../refusal.ts';
import type { Rows } from '../rows.ts';
import { isTrimmed } from '../trim-mark.ts';
import { openHeld } from './held-lines.ts';
import { linesBehind, nothingOf, stillHas, writerOf, type NextLines } from './journal-lines.ts';
import { newestPeriod, type LogGround } from './log-ground.ts';
import { againIfMoved, moved } from './moved.ts';
import { monthEndMs, monthOf } from './names.ts';
import { resumeJournal } from './resume-journal.ts';
import { sealLines, sealScope } from './seal-step.ts';
import type { Period, SealedThrough } from './segments.ts';
import { turn } from './turns.ts';
import { newestLogs, turnMonth } from './turn-month.ts';

// The journal, split up into logs, step by step. What a step comes to is committed at once, with how far the journal is sealed:
// after a crash it goes on where it was. The more lines a step takes, the more of them lie together.

const stepLines = 4096;

/**
 * Seal until nothing is left.
 *
 * @param stopped asked before each step, with how many entries were sealed so far
 * @returns entries sealed
 * @throws Refusal `journal_broken`, `key_unavailable`, `audit_unavailable`, `store_unavailable`; it may be tried again
 */
export async function sealJournal(ground: LogGround, stopped: (sealed: number) => boolean): Promise<number> {
  const writer = await writerOf(ground.rows);
  if (writer === undefined) return 0;
  const inTurn = <V>(work: () => Promise<V>) => againIfMoved(() => ground.segments.alone(work));
  const held = (await (await newestPeriod(ground.segments))?.heldScopes()) ?? [];
  const waiting = held.length === 0 ? new Set<string>() : await inTurn(() => releaseHeld(ground));
  for (let sealed = 0; ;) {
    if (stopped(sealed) || (await unsealed(ground)) === 0) return sealed;
    const done = await inTurn(() => step(ground, writer, waiting));
    if (done === 0) return sealed;
    sealed += done;
    await turn();
  }
}

/** How many entries of the journal are not sealed. */
export async function unsealed({ rows, segments }: Pick<LogGround, 'rows' | 'segments'>): Promise<number> {
  const last = await rows.last();
  if (last === undefined) return 0;
  const sealed = (await (await newestPeriod(segments))?.through(last.writer)) ?? nothingOf(last.writer);
  // One that was turned back has to be sealed anew, whatever was sealed of it.
  if (!(await stillHas(rows, sealed))) return last.first + last.count - 1;
  return Math.max(0, last.first + last.count - 1 - sealed.entry);
}

async function step(ground: LogGround, writer: string, waiting: Set<string>): Promise<number> {
  const { rows, sealer, segments } = ground;
  const newest = await newestPeriod(segments);
  const sealed = (await newest?.through(writer)) ?? nothingOf(writer);
  const lacks = await lackOf(rows, sealed);
  if (lacks !== undefined) ground.failed(refuse('journal_broken', lacks, `batch ${sealed.batch}`));
  const from = lacks === undefined ? sealed : await resumeJournal(ground, writer);
  if (lacks !== undefined && newest !== undefined) {
    if (!(await newest.commit({ logs: [], through: { before: sealed.entry, to: from } }))) throw moved();
    return step(ground, writer, waiting);
  }
  const next = await linesBehind(rows, sealer, from, stepLines);
  const first = next.lines[0];
  if (first === undefined) return 0;
  const period = await periodFor(ground, newest, first.entry.ts);
  const count = inPeriod(next, period);
  const step_ = await sealLines(ground, period, next.lines.slice(0, count), waiting);
  const through = { before: sealed.entry, to: next.through(count) };
  if (!(await period.commit({ ...step_, through }))) throw moved();
  return count;
}

/** What keeps sealing from going on where it was; `undefined`: nothing. */
async function lackOf(rows: Rows, sealed: SealedThrough): Promise<string | undefined> {
  const [first] = await rows.from(1, false, 1);
  if (first !== undefined && isTrimmed(first) && sealed.batch < first.n)
    return 'the audit log lacks entries that have left the journal';
  return (await stillHas(rows, sealed)) ? undefined : 'the audit journal lacks entries that were sealed';
}

async function periodFor(ground: LogGround, newest: Period | undefined, atMs: number): Promise<Period> {
  const month = monthOf(atMs);
  if (newest === undefined) return ground.segments.begin(month, []);
  return month > newest.name ? turnMonth(ground, newest, month, atMs) : newest;
}

/** How many lines belong to the period: all until one is of a later month. */
function inPeriod({ lines }: NextLines, { name }: Period): number {
  const endMs = monthEndMs(name);
  const later = lines.findIndex(({ entry }) => entry.ts >= endMs);
  return later === -1 ? lines.length : later;
}

/** Try the lines that wait. @returns scopes whose keys still do not open */
async function releaseHeld(ground: LogGround): Promise<Set<string>> {
  const waiting = new Set<string>();
  const period = await newestPeriod(ground.segments);
  for (const scope of (await period?.heldScopes()) ?? [])
    while (!waiting.has(scope)) {
      const held = await period!.held(scope, stepLines);
      const last = held.at(-1);
      if (last === undefined) break;
      const lines = await Promise.all(held.map((each) => openHeld(ground.sealer, each)));
      const [head] = await newestLogs(period!, [scope]);
      const log = await sealScope(ground, period!, { scope, lines, head });
      if (log === undefined) waiting.add(scope);
      else if (!(await period!.commit({ logs: [log], release: [{ scope, seq: last.seq }] }))) throw moved();
      await turn();
    }
  return waiting;
}
