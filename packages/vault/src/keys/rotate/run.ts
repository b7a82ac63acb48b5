import { setTimeout as sleep } from 'node:timers/promises';
import { Refusal } from '../../refusal.ts';
import { keyLookEveryMs } from '../key-changes.ts';
import type { KeyCore } from '../key-core.ts';
import { claimJob, type HeldJob, type KeyCounts, type KeyFailure, type KeyWork } from './job-row.ts';
import { phasesOf, type Phase, type PhasePage, type PhaseRow } from './phases.ts';
import type { WorkParts } from './step.ts';

// A piece of work is phases, a phase is pages, a page is rows. After each page it is written down where to go on. One row that
// cannot be done stops nobody else's: it is named at the end, and the same command tries again what is left.

const lanesMax = 4;
/** So many one after another look like a provider that is away, not like rows that are damaged. */
const failuresInRowMax = 20;
const roundsMax = 5;
const keepEveryMs = 10_000;

/** How far work is. */
export interface KeyProgress {
  /** In words, such as `wrapping keys anew`. */
  readonly phase: string;
  /** Rows of this phase that were looked at by this process. */
  readonly seen: number;
  /** Rows of the phase; `undefined` when nobody counted. */
  readonly total: number | undefined;
}

/** What came of it. */
export interface KeyWorkDone extends KeyCounts {
  readonly work: KeyWork;
  /** Whether it went on with what somebody else had begun. */
  readonly resumed: boolean;
  /** What could not be done; the same command tries it again. Empty: nothing is left. */
  readonly failures: readonly KeyFailure[];
}

/** How it is to be done. */
export interface KeyWorkOptions {
  readonly progress?: (progress: KeyProgress) => void;
  /** Ends it between two rows; what was done stays, and the same work goes on from there. */
  readonly signal?: AbortSignal;
  /** Done first where the work is new, and not where it goes on: makes the new root key. */
  readonly prepare?: () => Promise<void>;
  /** How long other instances may still seal under a key that is not active any more; five seconds when not given. */
  readonly settleMs?: number;
}

/**
 * Do the work, or go on with it where it was left.
 *
 * @throws Refusal `key_work_running` when another instance does it; `key_unavailable` and whatever the store throws, and what
 *   was done until then stays
 */
export async function runKeyWork(
  core: KeyCore,
  work: KeyWork,
  options: KeyWorkOptions = {},
): Promise<KeyWorkDone> {
  const phases = phasesOf(core, work);
  const held = await claimJob(core, work, 'begin');
  const suite = work.suite ?? core.suite;
  const parts: WorkParts = { ...core, job: held.job.id, suite, keepsSuite: work.suite !== undefined };
  const run: Run = { parts, held, options, counts: { ...held.job.counts }, failures: [...held.job.failures] };
  try {
    if (held.job.phase === 'begin') {
      await options.prepare?.();
      await held.keep({ phase: phases[0]?.name ?? '' });
    }
    let left = await onePass(run, phases);
    const again = phases.filter(({ repeats }) => repeats);
    for (let round = 1; left && round < roundsMax; round += 1) {
      await sleep(options.settleMs ?? keyLookEveryMs, undefined, signalled(options));
      await held.keep({ phase: again[0]?.name ?? '', cursor: undefined });
      left = await onePass(run, again);
    }
    await end(run, phases);
    const { counts, failures } = run;
    return { work, resumed: held.resumed, ...counts, failures };
  } catch (error) {
    // Whatever it was, somebody else may go on.
    await held.release().catch(() => undefined);
    throw error;
  }
}

interface Run {
  readonly parts: WorkParts;
  readonly held: HeldJob;
  readonly options: KeyWorkOptions;
  readonly counts: { -readonly [C in keyof KeyCounts]: KeyCounts[C] };
  readonly failures: KeyFailure[];
}

// What failed is tried again by the same command, under the same id: what is done stays done.
async function end({ held, failures }: Run, phases: readonly Phase[]): Promise<void> {
  if (failures.length === 0) return held.finish();
  const counts = { seen: 0, changed: 0, skipped: 0 };
  await held.keep({ phase: phases[0]?.name ?? '', cursor: undefined, counts, failures: [] });
  return held.release();
}

/** @returns whether a phase that repeats has changed anything */
async function onePass(run: Run, phases: readonly Phase[]): Promise<boolean> {
  const { held, counts } = run;
  let left = false;
  const from = phases.findIndex(({ name }) => name === held.job.phase);
  for (const phase of phases.slice(Math.max(0, from))) {
    if (phase.name !== held.job.phase) await held.keep({ phase: phase.name, cursor: undefined });
    const before = counts.changed;
    await onePhase(run, phase);
    left ||= phase.repeats && counts.changed > before;
  }
  return left;
}

async function onePhase(run: Run, phase: Phase): Promise<void> {
  const { parts, held, options, counts, failures } = run;
  const total = await phase.count?.(parts.tables);
  const step = stepper(run, (seen) => options.progress?.({ phase: phase.name, seen, total }));
  const keep = (cursor: string | undefined): Promise<void> =>
    held.keep({ counts: { ...counts }, failures, cursor });
  let cursor = held.job.cursor;
  do {
    const page = await read(phase, parts, cursor);
    let keptAtMs = parts.now();
    await inLanes(page.rows, async (row, lane) => {
      await step(row);
      // One of them says that the work goes on, where a page takes long.
      if (lane > 0 || parts.now() - keptAtMs < keepEveryMs) return;
      keptAtMs = parts.now();
      await keep(cursor);
    });
    cursor = page.cursor;
    await keep(cursor);
  } while (cursor !== undefined);
}

function stepper({ options, counts, failures }: Run, tell: (seen: number) => void) {
  let seen = 0;
  let inRow = 0;
  return async (row: PhaseRow): Promise<void> => {
    options.signal?.throwIfAborted();
    try {
      const stepped = await row.step();
      if (stepped === 'changed') counts.changed += 1;
      if (stepped === 'skipped') counts.skipped += 1;
      inRow = 0;
    } catch (error) {
      // What is wrong with the row alone. Anything else ends the work.
      if (!(error instanceof Refusal) || !ofRow.has(error.code)) throw error;
      inRow += 1;
      if (inRow > failuresInRowMax) throw error;
      const failure = { what: row.name, code: error.code };
      // A phase that repeats meets it again.
      if (!failures.some(({ what }) => what === failure.what)) failures.push(failure);
    }
    seen += 1;
    counts.seen += 1;
    tell(seen);
  };
}

const ofRow = new Set([
  'key_unavailable',
  'open_failed',
  'record_version_unknown',
  'item_invalid',
  'key_weak',
]);

// A place that the store does not know any more: from the beginning, where what is done says so.
async function read(phase: Phase, parts: WorkParts, cursor: string | undefined): Promise<PhasePage> {
  try {
    return await phase.read(parts, cursor);
  } catch (error) {
    if (error instanceof Refusal && error.code === 'cursor_invalid') return phase.read(parts, undefined);
    throw error;
  }
}

/** All rows, some at a time; the first failure ends it, once those under way are done. */
async function inLanes(
  rows: readonly PhaseRow[],
  work: (row: PhaseRow, lane: number) => Promise<void>,
): Promise<void> {
  const left = rows.values();
  const failures: unknown[] = [];
  const lane = async (number: number): Promise<void> => {
    for (const row of left) {
      if (failures.length > 0) return;
      await work(row, number).catch((error: unknown) => failures.push(error));
    }
  };
  await Promise.all(Array.from({ length: lanesMax }, (_, number) => lane(number)));
  if (failures.length > 0) throw failures[0];
}

function signalled({ signal }: KeyWorkOptions) {
  return signal === undefined ? {} : { signal };
}
