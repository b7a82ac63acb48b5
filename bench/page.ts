import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Bench } from './bars.ts';
import type { GatewayBench } from './gateway.ts';
import type { SealBench } from './seal.ts';
import type { StoresBench } from './stores.ts';

// The tables of docs/performance.md, made from the kept results, so that page and results cannot differ.

const page = fileURLToPath(new URL('../docs/performance.md', import.meta.url));
const between = /(?<=<!-- results -->\n)[\s\S]*(?=<!-- \/results -->)/;

/** The page with the tables of these results in it, in place of those that were there. */
export function withTables(text: string, benches: readonly Bench[]): string {
  const tables = benches.map((bench) =>
    [
      `### ${bench.bench}`,
      barTable(bench),
      ...('cells' in bench ? cellTables(bench as GatewayBench) : []),
      ...('loads' in bench ? loadTables(bench as StoresBench) : []),
      ...('costs' in bench ? costTables(bench as SealBench) : []),
    ].join('\n\n'),
  );
  return text.replace(
    between,
    () => `<!-- prettier-ignore-start -->\n${tables.join('\n\n')}\n\n<!-- prettier-ignore-end -->\n`,
  );
}

/** Every benchmark, in the order of the page. */
export const benchNames: readonly string[] = [
  'seal',
  'journal',
  'audit',
  'stores',
  'tokens',
  'rotate',
  'gateway',
];

/** Bring the page up to date with `results`. @param results where one JSON file a bench lies */
export async function writePage(results: string): Promise<void> {
  const texts = await Promise.all(
    benchNames.map((name) => readFile(`${results}${name}.json`, 'utf8').catch(() => '')),
  );
  const benches = texts.filter((text) => text !== '').map((text) => JSON.parse(text) as Bench);
  await writeFile(page, withTables(await readFile(page, 'utf8'), benches));
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function barTable({ bars }: Bench): string {
  const rows = bars.map(({ name, value, unit, aim, ok }) => [
    name,
    `${value} ${unit}`.trim(),
    aim,
    ok ? 'met' : '**missed**',
  ]);
  return table(['', 'measured', 'aim', ''], rows);
}

function cellTables({ cells, node, cores }: GatewayBench): readonly string[] {
  const whole = (value: number | undefined): string => (value === undefined ? '' : String(Math.round(value)));
  const rows = cells.flatMap(({ cell, ways, othersShare }) =>
    Object.entries(ways).map(([way, figures], index) => [
      index === 0 ? `${cell.name}; others ${Math.round(othersShare * 100)} %` : '',
      way,
      whole(figures.perSecond),
      whole(figures.p50Us),
      whole(figures.p99Us),
      `${whole(figures.cpuMainUs)} / ${whole(figures.cpuAllUs)}`,
    ]),
  );
  return [
    `${cores} cores, Node ${node}. "Others" is the share of the machine that went to other work in the worst round that counts.`,
    table(['', 'way', 'calls/s', 'p50 us', 'p99 us', 'CPU a call, main / all us'], rows),
  ];
}

function costTables({ costs, node, cores }: SealBench): readonly string[] {
  const ways = [...new Set(costs.flatMap((cost) => Object.keys(cost.ways)))];
  const rows = costs.map((cost) => [cost.name, ...ways.map((way) => String(cost.ways[way] ?? ''))]);
  return [
    `${cores} cores, Node ${node}. CPU of one call in microseconds: the bare calls, a record under a key in hand, the sealer as an application calls it, and the AWS Encryption SDK with a cache of data keys over a raw AES keyring.`,
    table(['', ...ways], rows),
  ];
}

function loadTables({ loads, node, cores }: StoresBench): readonly string[] {
  const rows = loads.flatMap(({ name, othersShare, ways }) =>
    Object.entries(ways).map(([way, { perSecond, p50Us, p99Us, cpuUs }], index) => [
      index === 0 ? `${name}; others ${Math.round(othersShare * 100)} %` : '',
      way,
      ...[perSecond, p50Us, p99Us, cpuUs].map((value) => String(Math.round(value))),
    ]),
  );
  return [
    `${cores} cores, Node ${node}. CPU is that of the calling process; the store runs beside it on the same cores.`,
    table(['', 'way', 'calls/s', 'p50 us', 'p99 us', 'CPU a call, us'], rows),
  ];
}
