import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Bench } from './bars.ts';
import { chartOf } from './chart.ts';
import { benchNames as names, writePage } from './page.ts';

// `npm run bench` runs every benchmark, `npm run bench:<name>` one. Each prints its ratios for people and then, as its
// last line, one JSON object; the same goes to `bench/results/` and docs/performance.md. Missed aims do not fail the run:
// machines differ.

const results = fileURLToPath(new URL('results/', import.meta.url));

async function runOne(name: string): Promise<void> {
  const { run } = (await import(new URL(`${name}.ts`, import.meta.url).href)) as {
    run: () => Promise<Bench>;
  };
  const bench = await run();
  await mkdir(results, { recursive: true });
  await writeFile(`${results}${name}.json`, `${JSON.stringify(bench, undefined, 2)}\n`);
  await writeFile(`${results}${name}.svg`, chartOf(bench));
  await writePage(results);
  for (const bar of bench.bars)
    console.log(`${bar.ok ? 'ok  ' : 'MISS'} ${bar.name}: ${bar.value} ${bar.unit} (aim ${bar.aim})`);
  console.log(JSON.stringify({ bench: bench.bench, bars: bench.bars }));
}

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !names.includes(name));
if (unknown.length > 0) {
  console.error(`no benchmark named ${unknown.join(', ')}; there are ${names.join(', ')}`);
  process.exitCode = 2;
} else {
  for (const name of asked.length > 0 ? asked : names) await runOne(name);
}
