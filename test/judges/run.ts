// Real clients and the conformance suite against a gateway that is started for them: `npm run judges [part of a name]`.
import { cases } from './cases.ts';
import { clientCases } from './client-cases.ts';
import { conformanceCases } from './conformance-cases.ts';
import { openConformanceStage } from './conformance-stage.ts';
import { parityCases } from './parity-cases.ts';
import { openParityStage } from './parity-stage.ts';
import { installPrograms } from './programs.ts';
import { openStage } from './stage.ts';

interface Judgement<Stage> {
  readonly name: string;
  run(stage: Stage): Promise<string | void>;
}

const [part = ''] = process.argv.slice(2);
let passed = 0;
let failed = 0;

async function judge<Stage extends { close(): Promise<void> }>(
  all: readonly Judgement<Stage>[],
  open: () => Promise<Stage>,
): Promise<void> {
  const chosen = all.filter((each) => each.name.includes(part));
  if (chosen.length === 0) return;
  const stage = await open();
  try {
    for (const { name, run } of chosen) {
      const startedAtMs = performance.now();
      const [problem, told = ''] = await run(stage).then(
        (counted) => [undefined, counted ?? ''] as const,
        (error: unknown) => [error] as const,
      );
      const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
      const verdict = problem === undefined ? 'ok  ' : 'FAIL';
      console.log([verdict, name, `${seconds} s`, told].join('  ').trimEnd());
      if (problem !== undefined) console.log(problem instanceof Error ? problem.message : problem);
      if (problem === undefined) passed++;
      else failed++;
    }
  } finally {
    await stage.close();
  }
}

installPrograms();
await judge(cases, openStage);
await judge([...conformanceCases, ...clientCases], openConformanceStage);
await judge(parityCases, openParityStage);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
