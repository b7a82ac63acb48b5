import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { atLeast, atMost, median, type Bench } from './bars.ts';
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
export async function run(): Promise<Bench> {
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
      atMost('attempt durable, 1 caller, p50', of('one', 'p50'), 'ms', 0.5),
      atMost('attempt durable, 1 caller, p50 to a bare commit', of('one', 'p50') / disk, '×', 4),
      atMost('attempt durable, 16 callers, p50 to a bare commit', of('sixteen', 'p50') / disk, '×', 6),
      atMost('attempt durable, 16 callers, p99', of('sixteen', 'p99'), 'ms', 60),
      atMost('attempt durable, 16 callers, p99 to p99', of('sixteen', 'p99') / diskWorst, '×', 10),
      atLeast('attempts of 16 callers to bare commits', rate, '×', 2),
      atLeast('5000 asked a second', of('fiveThousand', 'rate'), 'attempts/s', 4900),
      atMost('CPU of the main thread an entry, 16 callers', of('sixteen', 'mainCpu'), 'us', 30),
      atMost('CPU of the process an entry, 16 callers', of('sixteen', 'cpu'), 'us', 45),
      atMost('event loop delay at 1000 a second, p99', of('thousand', 'loopDelay'), 'ms', 10),
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
