import { judgeServer, suites, type Suite } from './suites.ts';
import type { ConformanceStage } from './conformance-stage.ts';

// The suites against the fixture alone, and then against the gateway before it: what passes there has to pass here.

/** One judgement. */
export interface ConformanceCase {
  readonly name: string;
  /** @returns what was counted. @throws Error with what the suite said */
  run(stage: ConformanceStage): Promise<string>;
}

function serverCase(
  judgement: string,
  suite: Suite,
  open: (stage: ConformanceStage) => string | Promise<string>,
): ConformanceCase {
  return {
    name: `conformance ${suite}, ${judgement}`,
    async run(stage) {
      const { scenarios, checks, failed } = await judgeServer(suite, await open(stage), judgement);
      const expected = failed.length === 0 ? '' : `, ${failed.length} scenarios fail as expected`;
      return `${scenarios} scenarios, ${checks} checks${expected}`;
    },
  };
}

const through = (upstream: string) => (stage: ConformanceStage) => stage.door(`/mcp/${upstream}`);
const old: readonly Suite[] = ['0.1.16', '2025-11-25'];

/** All of them. */
export const conformanceCases: readonly ConformanceCase[] = [
  ...suites.map((suite) => serverCase('direct', suite, ({ direct }) => direct)),
  ...suites.map((suite) => serverCase('http', suite, through('both'))),
  ...suites.map((suite) => serverCase('all', suite, (stage) => stage.all())),
  ...suites.map((suite) => serverCase('child', suite, through('child'))),
  ...old.map((suite) => serverCase('old-on-modern', suite, through('modern'))),
  ...old.map((suite) => serverCase('old-on-modern-child', suite, through('child-modern'))),
  serverCase('modern-on-old', '2026-07-28', through('legacy')),
];
