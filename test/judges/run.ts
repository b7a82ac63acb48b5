// Real clients and the conformance suite against a gateway that is started for them, and other people's verifiers of audit logs
// and validators of events before samples of ours: `npm run judges [part of a name]`, or `npm run judges -- --write`, which also puts what the suites
// found into docs/protocol.md.
import { parseArgs } from 'node:util';
import { cases } from './cases.ts';
import { clientCases } from './client-cases.ts';
import { conformanceCases } from './conformance-cases.ts';
import { openConformanceStage } from './conformance-stage.ts';
import { ocsfCases } from './ocsf-cases.ts';
import { openOcsfStage } from './ocsf-stage.ts';
import { parityCases } from './parity-cases.ts';
import { openParityStage } from './parity-stage.ts';
import { installPrograms } from './programs.ts';
import { openStage } from './stage.ts';
import { compareTable, type Found } from './table.ts';
import { tlogCases } from './tlog-cases.ts';
import { openTlogStage } from './tlog-stage.ts';

interface Judgement<Stage> {
  readonly name: string;
  run(stage: Stage): Promise<string | void>;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { write: { type: 'boolean', default: false } },
});
const [part = ''] = positionals;
const found: Found[] = [];
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
await judge(tlogCases, openTlogStage);
await judge(ocsfCases, openOcsfStage);
await judge(cases, openStage);
await judge([...conformanceCases((one) => found.push(one)), ...clientCases], openConformanceStage);
await judge(parityCases, openParityStage);
if (part === '') {
  const shown = await compareTable(found, values.write);
  console.log(
    shown ? 'ok    docs/protocol.md' : 'FAIL  docs/protocol.md shows something else: --write mends it',
  );
  if (shown) passed++;
  else failed++;
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
