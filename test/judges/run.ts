// Real clients and the conformance suite against a gateway that is started for them: `npm run judges [part of a name]`.
import { cases } from './cases.ts';
import { installPrograms } from './programs.ts';
import { openStage } from './stage.ts';

const [part = ''] = process.argv.slice(2);

installPrograms();
const stage = await openStage();
let passed = 0;
let failed = 0;
try {
  for (const { name, run } of cases.filter((each) => each.name.includes(part))) {
    const startedAtMs = performance.now();
    const problem = await run(stage).then(
      () => undefined,
      (error: unknown) => error,
    );
    const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(1);
    console.log(`${problem === undefined ? 'ok  ' : 'FAIL'}  ${name}  ${seconds} s`);
    if (problem !== undefined) console.log(problem instanceof Error ? problem.message : problem);
    if (problem === undefined) passed++;
    else failed++;
  }
} finally {
  await stage.close();
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
