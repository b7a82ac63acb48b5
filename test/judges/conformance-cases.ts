import { judgeServer, suites, type Suite } from './suites.ts';
import type { ConformanceStage } from './conformance-stage.ts';
import type { Found, Place } from './table.ts';

// The suites against the fixture alone, and then against the gateway before it: what passes there has to pass here.

/** One judgement. */
export interface ConformanceCase {
  readonly name: string;
  /** @returns what was counted. @throws Error with what the suite said */
  run(stage: ConformanceStage): Promise<string>;
}

interface ServerCase {
  readonly place: Place;
  readonly suite: Suite;
  readonly open: (stage: ConformanceStage) => string | Promise<string>;
}

function serverCase({ place, suite, open }: ServerCase, record: (found: Found) => void): ConformanceCase {
  return {
    name: `conformance ${suite}, ${place}`,
    async run(stage) {
      const { scenarios, checks, failed } = await judgeServer(suite, await open(stage), place);
      record({ place, suite, scenarios, checks, failed: failed.length });
      const expected = failed.length === 0 ? '' : `, ${failed.length} scenarios fail as expected`;
      return `${scenarios} scenarios, ${checks} checks${expected}`;
    },
  };
}

const through = (upstream: string) => (stage: ConformanceStage) => stage.door(`/mcp/${upstream}`);
const old: readonly Suite[] = ['0.1.16', '2025-11-25'];

const all: readonly (Omit<ServerCase, 'suite'> & { readonly of: readonly Suite[] })[] = [
  { place: 'direct', of: suites, open: ({ direct }) => direct },
  { place: 'http', of: suites, open: through('both') },
  { place: 'all', of: suites, open: (stage) => stage.all() },
  { place: 'child', of: suites, open: through('child') },
  { place: 'old-on-modern', of: old, open: through('modern') },
  { place: 'old-on-modern-child', of: old, open: through('child-modern') },
  { place: 'modern-on-old', of: ['2026-07-28'], open: through('legacy') },
];

/** All of them. @param record told what each found */
export function conformanceCases(record: (found: Found) => void): readonly ConformanceCase[] {
  return all.flatMap(({ place, of, open }) => of.map((suite) => serverCase({ place, suite, open }, record)));
}
