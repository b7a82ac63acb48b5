import { headOf, idOf, isLineOf, linesOf, type ExportedCall } from './export-lines.ts';
import type { ExportManifest } from './export-form.ts';
import type { Findings } from './findings.ts';
import type { Progress } from './open-log.ts';

/** What is compared. */
export interface LinesParts {
  readonly manifest: ExportManifest;
  readonly file: AsyncIterable<Uint8Array>;
  /** What the lines should be; `false` at the end when more of them are not there. */
  readonly calls: AsyncGenerator<ExportedCall, boolean>;
  readonly findings: Findings;
  readonly progress: ((progress: Progress) => void) | undefined;
}

/** Calls ahead that are looked through for the one that a line is of. */
const aheadMax = 1000;
const progressEvery = 256;

/** Compare a file line by line. @returns how many lines it has, a head not counted */
export async function compareLines({
  manifest,
  file,
  calls,
  findings,
  progress,
}: LinesParts): Promise<number> {
  const { format } = manifest;
  const see = (says: string): void => findings.add({ state: 'tampered', says });
  const due = openDue(calls);
  let head = headOf(format);
  let lines = 0;
  for await (const line of linesOf(format, file)) {
    if (line === undefined) {
      see('the file ends within a line, has one that is too long, or is no text');
      break;
    }
    if (head !== undefined) {
      if (line !== head) see('the first line does not name the columns');
      head = undefined;
      continue;
    }
    lines += 1;
    const says = await due.compare(format, line);
    if (says !== undefined) see(`line ${lines} ${says}`);
    if (lines % progressEvery === 0)
      progress?.({ log: 'lines', done: lines, size: Math.max(manifest.lines, lines) });
  }
  const missing = await due.left();
  if (missing > 0) findings.add({ state: 'incomplete', says: `${missing} lines are missing from the file` });
  return lines;
}

function openDue(calls: LinesParts['calls']) {
  const ahead: ExportedCall[] = [];
  let ended: boolean | undefined;
  let skipped = 0;
  async function fill(count: number): Promise<void> {
    while (ahead.length < count && ended === undefined) {
      const next = await calls.next();
      if (next.done === true) ended = next.value;
      else ahead.push(next.value);
    }
  }
  return {
    /** @returns what is wrong with a line */
    async compare(format: ExportManifest['format'], line: string): Promise<string | undefined> {
      await fill(1);
      if (ahead[0] !== undefined && isLineOf(format, line, ahead[0])) return void ahead.shift();
      // What it should be is not there, which was told.
      if (ahead[0] === undefined && ended === false) return undefined;
      const id = idOf(format, line);
      if (ahead[0]?.attempt.id !== id) await fill(aheadMax);
      const at = ahead.findIndex(({ attempt }) => attempt.id === id);
      if (at === -1) return ended === false ? undefined : 'is of no entry that the proof has there';
      skipped += at;
      const [call] = ahead.splice(0, at + 1).slice(-1);
      return isLineOf(format, line, call!) ? undefined : 'is not what its entries say';
    },
    /** Lines that did not come. */
    async left(): Promise<number> {
      for (await fill(1); ahead.length > 0; await fill(1)) {
        skipped += 1;
        ahead.shift();
      }
      return skipped;
    },
  };
}
