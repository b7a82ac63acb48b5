import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { round, type Round } from './journal-load.ts';

// What a durable attempt costs, beside what the same disk takes for one bare commit of the same size. Rounds of all
// loads alternate, so that whatever else the machine does falls on each alike; bars hold the medians.

const loads = {
  one: { callers: 1 },
  sixteen: { callers: 16 },
  thousand: { perSecond: 1000 },
  fiveThousand: { perSecond: 5000 },
} as const;
const rounds = 5;
const roundMs = 800;

/** Run the bench: about 25 seconds. */
export async function run() {
  const seen = { one: [], sixteen: [], thousand: [], fiveThousand: [] } as Record<
    keyof typeof loads,
    Round[]
  >;
  const bare: ReturnType<typeof bareCommit>[] = [];
  for (let i = 0; i < rounds; i += 1) {
    bare.push(bareCommit());
    for (const name of Object.keys(loads) as (keyof typeof loads)[])
      seen[name].push(await round(loads[name], roundMs));
  }
  const of = (name: keyof typeof loads, field: keyof Round) => median(seen[name].map((one) => one[field]));
  const disk = median(bare.map((one) => one.p50));
  const diskWorst = median(bare.map((one) => one.p99));
  for (const name of Object.keys(loads) as (keyof typeof loads)[])
    console.log(
      `${name.padEnd(12)} p50 ${of(name, 'p50').toFixed(2)} ms (${(of(name, 'p50') / disk).toFixed(1)} bare commits)  ` +
        `p99 ${of(name, 'p99').toFixed(2)} ms  ${of(name, 'rate').toFixed(0)} attempts/s  ` +
        `CPU an entry ${of(name, 'mainCpu').toFixed(0)} us main, ${of(name, 'cpu').toFixed(0)} us all  ` +
        `loop delay p99 ${of(name, 'loopDelay').toFixed(1)} ms`,
    );
  console.log(`a bare commit takes ${disk.toFixed(2)} ms, p99 ${diskWorst.toFixed(2)} ms`);
  const rate = of('sixteen', 'rate') / median(bare.map((one) => one.rate));
  return {
    bench: 'journal',
    bars: [
      bar('attempt durable, 1 caller, p50 to a bare commit', of('one', 'p50') / disk, 'x', { most: 4 }),
      bar('attempt durable, 16 callers, p50 to a bare commit', of('sixteen', 'p50') / disk, 'x', { most: 6 }),
      bar('attempt durable, 16 callers, p99 to p99', of('sixteen', 'p99') / diskWorst, 'x', { most: 10 }),
      bar('attempts of 16 callers to bare commits', rate, 'x', { least: 2 }),
      bar('5000 asked a second', of('fiveThousand', 'rate'), 'attempts/s', { least: 4900 }),
      bar('CPU of the main thread an entry, 16 callers', of('sixteen', 'mainCpu'), 'us', { most: 30 }),
      bar('CPU of the process an entry, 16 callers', of('sixteen', 'cpu'), 'us', { most: 45 }),
      bar('event loop delay at 1000 a second, p99', of('thousand', 'loopDelay'), 'ms', { most: 10 }),
    ],
  };
}

/** Milliseconds of one INSERT of a batch's size at `synchronous=FULL`, on this thread, with nothing around it. */
function bareCommit() {
  const directory = mkdtempSync(join(tmpdir(), 'sealgate-bare-'));
  const db = new DatabaseSync(join(directory, 'bare.db'));
  db.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE rows (n INTEGER PRIMARY KEY, payload BLOB)',
  );
  const insert = db.prepare('INSERT INTO rows (payload) VALUES (?)');
  const payload = Buffer.alloc(500, 1);
  const times = Array.from({ length: 400 }, () => {
    const start = performance.now();
    insert.run(payload);
    return performance.now() - start;
  });
  db.close();
  rmSync(directory, { recursive: true });
  times.sort((a, b) => a - b);
  const rate = 1000 / (times.reduce((sum, time) => sum + time, 0) / times.length);
  return { p50: times[200]!, p99: times[396]!, rate };
}

/** A bar that a value must not pass, or must reach. */
function bar(
  name: string,
  value: number,
  unit: string,
  aim: { readonly most: number } | { readonly least: number },
) {
  const [text, ok] =
    'most' in aim ? [`<= ${aim.most}`, value <= aim.most] : [`>= ${aim.least}`, value >= aim.least];
  return { name, value: Number(value.toPrecision(3)), unit, aim: text, ok };
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}
