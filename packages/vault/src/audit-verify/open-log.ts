import { Refusal } from '../refusal.ts';
import { openCheckpoint, type Checkpoint } from '../tlog/checkpoint.ts';
import { sameHash } from '../tlog/hash.ts';
import { tileWidth } from '../tlog/tile-paths.ts';
import type { Finding, Findings } from './findings.ts';
import { bytesMax, textOf, type LogSource } from './source.ts';
import type { Known } from './trust.ts';
import type { WalkParts } from './leaf-hashes.ts';
import { openWalk, type Walk } from './walk.ts';

// One log under examination: its signed checkpoint, and every state that somebody has ever stated of it, each of which must
// be a state that it went through.

/** How far it has come; said when a log is opened, and after each bundle. */
export interface Progress {
  /** The log's origin. */
  readonly log: string;
  readonly done: number;
  readonly size: number;
}

/** What is examined, and for whom. */
export interface LogParts {
  readonly source: LogSource;
  readonly findings: Findings;
  readonly vkeys: readonly string[];
  readonly origin: string;
  readonly folder: string;
  /** States that are known from elsewhere. */
  readonly known: readonly Known[];
  readonly progress: ((progress: Progress) => void) | undefined;
  /** Told of each bundle once, in order. */
  readonly onBundle: (log: ExaminedLog, ...bundle: Parameters<WalkParts['onBundle']>) => Promise<void>;
}

/** One log. */
export interface ExaminedLog {
  readonly head: Checkpoint;
  /** The checkpoint as it was signed. */
  readonly note: string;
  readonly see: (finding: Omit<Finding, 'log'>) => void;
  /** Remember to compare with a state. It must not be smaller than what was caught up with. */
  expect(known: Known): void;
  /** Compare with the states up to this size, and forget them. */
  catchUp(size: number): Promise<void>;
  /** Whether no entry was missing where it was walked. */
  isComplete(): boolean;
  /** Walk to the end. @returns whether it is whole and right */
  finish(): Promise<boolean>;
}

/** Read a log's checkpoint. @returns `undefined` when it is missing or does not hold, which is told */
export async function openLog(parts: LogParts): Promise<ExaminedLog | undefined> {
  const { findings, origin, known, progress } = parts;
  let right = true;
  let complete = true;
  const see: ExaminedLog['see'] = (finding) => {
    right = false;
    findings.add({ ...finding, log: origin });
  };
  const signed = await readCheckpoint(parts, see);
  if (signed === undefined) return undefined;
  const { size } = signed.head;
  const walk = openWalk({
    ...parts,
    size,
    see,
    async onBundle(index, entries) {
      complete &&= entries !== undefined;
      await parts.onBundle(log, index, entries);
      progress?.({ log: origin, done: Math.min(size, (index + 1) * tileWidth), size });
    },
  });
  const expected = openExpected(signed.head, walk, see);
  const log: ExaminedLog = {
    ...signed,
    see,
    ...expected,
    isComplete: () => complete,
    async finish() {
      expected.expect({ ...signed.head, by: 'its checkpoint' });
      await expected.catchUp(size);
      if (await walk.to(size)) await walk.finish();
      return right;
    },
  };
  for (const state of known) log.expect(state);
  progress?.({ log: origin, done: 0, size });
  return log;
}

/** The states that a log is compared with when the walk comes to them. */
function openExpected(
  head: Checkpoint,
  walk: Walk,
  see: ExaminedLog['see'],
): Pick<ExaminedLog, 'expect' | 'catchUp'> {
  let expected: Known[] = [];
  return {
    expect(state) {
      const { size, by } = state;
      if (size <= head.size) expected.push(state);
      else
        see({ state: 'tampered', says: `the log has ${head.size} entries, fewer than ${by} says: ${size}` });
    },
    async catchUp(end) {
      const due = expected.filter(({ size }) => size <= end);
      expected = expected.filter(({ size }) => size > end);
      const inOrder = due.toSorted((one, other) => one.size - other.size);
      await compare(walk, inOrder, see);
      walk.rest();
    },
  };
}

/** Compare states, the smallest first. Of those that differ, the first of each kind is told: the later ones follow from it. */
async function compare(walk: Walk, due: readonly Known[], see: ExaminedLog['see']): Promise<void> {
  const told = new Set<string>();
  for (const { size, root, by } of due) {
    if (!(await walk.to(size))) return;
    if (told.has(by) || sameHash(walk.root(), root)) continue;
    told.add(by);
    see({ state: 'tampered', says: `the first ${size} entries are not those that ${by} says` });
  }
}

async function readCheckpoint(
  { source, folder, origin, vkeys }: LogParts,
  see: ExaminedLog['see'],
): Promise<Pick<ExaminedLog, 'head' | 'note'> | undefined> {
  const path = `${folder}/checkpoint`;
  const bytes = await source.read(path, bytesMax.checkpoint);
  if (bytes === undefined) {
    see({ state: 'incomplete', path, says: 'the checkpoint of a log is missing' });
    return undefined;
  }
  const note = textOf(bytes) ?? '';
  try {
    const { size, root } = openCheckpoint(note, { origin, vkeys });
    return { head: { origin, size, root }, note };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    see({ state: 'tampered', path, says: error.message });
    return undefined;
  }
}
