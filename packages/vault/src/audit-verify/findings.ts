import { Refusal } from '../refusal.ts';
import type { LogSource } from './source.ts';

/**
 * What verifying found. `tampered`: something contradicts what was signed, or stood there before. `incomplete`: nothing
 * does, but a part is missing. `unreadable`: the question could not be answered.
 */
export type LogState = 'ok' | 'tampered' | 'incomplete' | 'unreadable';

/** What a program that verifies ends with. */
export const verifyExitCodes: Readonly<Record<LogState, number>> = {
  ok: 0,
  tampered: 1,
  incomplete: 2,
  unreadable: 3,
};

/** One thing that is wrong. */
export interface Finding {
  readonly state: Exclude<LogState, 'ok'>;
  /** The origin of the log it was found in; `undefined` when it concerns all. */
  readonly log?: string;
  /** The file, from the folder of the log. */
  readonly path?: string;
  /** The entry, counted from 0. */
  readonly index?: number;
  /** One sentence, safe to show. */
  readonly says: string;
}

/** Where findings go. */
export interface Findings {
  add(finding: Finding): void;
  /** The first thousand. */
  list(): readonly Finding[];
  /** The worst of all. */
  state(): LogState;
}

const listedMax = 1000;
const unreadableMax = 20;
const rank: Readonly<Record<LogState, number>> = { ok: 0, incomplete: 1, unreadable: 2, tampered: 3 };

/** None yet. */
export function openFindings(): Findings {
  const all: Finding[] = [];
  let state: LogState = 'ok';
  return {
    add(finding) {
      if (all.length < listedMax) all.push(finding);
      if (rank[finding.state] > rank[state]) state = finding.state;
    },
    list: () => all,
    state: () => state,
  };
}

/**
 * A source whose faults become findings, so that one file that cannot be read does not hide what the others tell. After
 * twenty of them nothing more is asked for: a server that does not answer is not asked for a million files.
 */
export function findingSource(source: LogSource, findings: Findings): LogSource {
  let faults = 0;
  return {
    async read(path, bytesMax) {
      if (faults >= unreadableMax) return undefined;
      try {
        return await source.read(path, bytesMax);
      } catch (error) {
        if (!(error instanceof Refusal) || error.code !== 'log_unreadable') throw error;
        faults += 1;
        findings.add({ state: 'unreadable', path, says: error.message });
        return undefined;
      }
    },
  };
}
