import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { everythingStdio } from '../test/fixtures/everything.ts';
import { obtainToken, openPerson } from '../test/fixtures/sign-in.ts';
import { done, freshDataDir, removeDataDir, startSealgate, type Running } from '../test/start.ts';
import { startApart } from './apart.ts';
import { kindsOf, visit } from './soak-kinds.ts';
import { curvesOf } from './soak-chart.ts';
import { floorsOf, look, riseOf, type Sample } from './soak-watch.ts';

// `npm run soak -- --minutes 60 --rate 17`: clients come and go at a started gateway for so long, so many a minute; with
// `--rate 0` as many as it takes, eight at a time. Fails on any error, and when memory, processes or open files rise in
// the second half of the run: in the first, caches and pools fill.

const { values: asked } = parseArgs({
  options: { minutes: { type: 'string', default: '1' }, rate: { type: 'string', default: '0' } },
});
const minutes = Number(asked.minutes);
const ratePerMinute = Number(asked.rate);
const atOnce = 8;
const tokenMs = 45 * 60_000;
const mebibyte = 1024 * 1024;
/** What the line through the floors of twelve stretches may rise by in the second half. */
const bounds = [
  { figure: 'rssBytes', rise: (mean: number) => Math.max(32 * mebibyte, 0.1 * mean) },
  { figure: 'heapBytes', rise: (mean: number) => Math.max(32 * mebibyte, 0.25 * mean) },
  { figure: 'processes', rise: () => 3 },
  { figure: 'openFiles', rise: (mean: number) => Math.max(24, 0.25 * mean) },
] as const;

interface Tally {
  visits: number;
  readonly errors: string[];
  readonly byKind: Record<string, number>;
}

async function addUpstreams(dataDir: string, url: string): Promise<void> {
  const { command, args } = everythingStdio;
  const add = ['upstreams', 'add'];
  await done(dataDir, [...add, 'http', '--url', url]);
  await done(dataDir, [...add, 'child', '--command', command, '--', ...args]);
  await done(dataDir, [
    ...add,
    'child-keyed',
    '--command',
    command,
    '--credential',
    'env:SOAK_TOKEN',
    '--',
    ...args,
  ]);
  await done(dataDir, ['connections', 'set', 'child-keyed'], randomBytes(24).toString('base64url'));
}

/** An access token that has time left: one ends after an hour. */
function freshBearer({ origin, bearer, dataDir }: Running): () => Promise<string> {
  const link = async (): Promise<string> => (await done(dataDir, ['sign-in'])).trim();
  let until = performance.now() + tokenMs;
  let current = Promise.resolve(bearer);
  return () => {
    if (performance.now() > until) {
      until = performance.now() + tokenMs;
      current = obtainToken(origin, openPerson(link));
    }
    return current;
  };
}

/** Visits until the time is up; resolves when the last one is over. */
async function visitAll(gateway: Running, untilMs: number, tally: Tally): Promise<void> {
  const { origin } = gateway;
  const fresh = freshBearer(gateway);
  let next = 0;
  const one = async (): Promise<void> => {
    const bearer = await fresh();
    const kinds = kindsOf((name) => ({
      url: `${origin}/mcp${name === undefined ? '' : `/${name}`}`,
      bearer,
    }));
    const kind = kinds[(next += 1) % kinds.length]!;
    try {
      await visit(kind, `visit-${next}`);
      tally.visits += 1;
      tally.byKind[kind.name] = (tally.byKind[kind.name] ?? 0) + 1;
    } catch (error) {
      tally.errors.push(`${kind.name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  if (ratePerMinute === 0) {
    const lane = async (): Promise<void> => {
      while (performance.now() < untilMs) await one();
    };
    await Promise.all(Array.from({ length: atOnce }, lane));
    return;
  }
  const running = new Set<Promise<void>>();
  while (performance.now() < untilMs) {
    const visiting = one().finally(() => running.delete(visiting));
    running.add(visiting);
    await sleep(60_000 / ratePerMinute);
  }
  await Promise.all(running);
}

async function watch(
  gateway: Running,
  { tally, signal, samples }: { tally: Tally; signal: AbortSignal; samples: Sample[] },
): Promise<void> {
  const startMs = performance.now();
  const everyMs = Math.min(15_000, Math.max(1000, (minutes * 60_000) / 240));
  while (!signal.aborted) {
    const held = await look(gateway);
    const atSeconds = Math.round((performance.now() - startMs) / 100) / 10;
    samples.push({ atSeconds, ...held, visits: tally.visits, errors: tally.errors.length });
    await sleep(everyMs, undefined, { signal }).catch(() => undefined);
  }
}

function judge(samples: readonly Sample[], warmSeconds: number): { figures: object[]; risen: string[] } {
  const judged = samples.filter(({ atSeconds }) => atSeconds >= warmSeconds);
  const risen: string[] = [];
  const figures = bounds.map(({ figure, rise: boundOf }) => {
    const { rise, mean } = riseOf(floorsOf(judged, figure, 12), figure);
    const bound = boundOf(mean);
    if (rise > bound)
      risen.push(
        `${figure} rose by ${Math.round(rise)} (mean ${Math.round(mean)}, bound ${Math.round(bound)})`,
      );
    return { figure, mean: Math.round(mean), rise: Math.round(rise), bound: Math.round(bound) };
  });
  return { figures, risen };
}

async function run(): Promise<boolean> {
  const upstream = await startApart('sessions');
  const dataDir = await freshDataDir();
  const gateway = await startSealgate({ dataDir, env: { RATE_LIMIT_MCP_RPM: '10000000' } });
  const tally: Tally = { visits: 0, errors: [], byKind: {} };
  const samples: Sample[] = [];
  const over = new AbortController();
  try {
    await addUpstreams(dataDir, upstream.url);
    const watching = watch(gateway, { tally, signal: over.signal, samples });
    await visitAll(gateway, performance.now() + minutes * 60_000, tally);
    over.abort();
    await watching;
  } finally {
    await gateway.stop();
    await upstream.close();
    await removeDataDir(dataDir);
  }
  const warmSeconds = minutes * 30;
  const { figures, risen } = judge(samples, warmSeconds);
  const name = `soak-${minutes}m-${ratePerMinute === 0 ? 'full' : ratePerMinute}`;
  const title = `${minutes} minutes, ${ratePerMinute === 0 ? `${atOnce} clients at once` : `${ratePerMinute} visits a minute`}: ${tally.visits} visits, ${tally.errors.length} errors`;
  const folder = fileURLToPath(new URL('results/', import.meta.url));
  await mkdir(folder, { recursive: true });
  await writeFile(`${folder}${name}.svg`, curvesOf(title, samples, warmSeconds));
  const kept = { ...tally, errors: tally.errors.slice(0, 100), figures, risen, samples };
  await writeFile(
    `${folder}${name}.json`,
    `${JSON.stringify({ node: process.version, ...kept }, undefined, 1)}\n`,
  );
  console.log(title, '\n', JSON.stringify(tally.byKind), '\n', JSON.stringify(figures, undefined, 1));
  const alike = new Set(tally.errors.map((error) => error.replaceAll(/[0-9a-f-]{36}/g, 'ID').slice(0, 300)));
  for (const error of alike) console.error(`error: ${error}`);
  for (const one of risen) console.error(`risen: ${one}`);
  return tally.errors.length === 0 && risen.length === 0;
}

if (!(minutes > 0) || !(ratePerMinute >= 0)) {
  console.error('usage: npm run soak -- [--minutes N] [--rate VISITS_A_MINUTE]');
  process.exitCode = 2;
} else process.exitCode = (await run()) ? 0 : 1;
