import { setTimeout as sleep } from 'node:timers/promises';
import { percentile } from './bars.ts';
import { auditedCall, type Actor } from './audit-calls.ts';
import { openAuditGround, type AuditGround } from './audit-ground.ts';

// A rate that is asked for whatever comes back: attempts are waited for, outcomes are queued, as the gateway does, and the
// log is sealed and published a second apart. Each attempt is timed from when it was due.

/** What is asked for. */
export interface HoldShape {
  /** Entries; half of them are attempts. */
  readonly perSecond: number;
  readonly seconds: number;
  readonly tenants: number;
  readonly actor: Actor;
}

/** What was held. */
export interface Held {
  /** Entries on the disk, by the time until all of them were sealed. */
  readonly perSecond: number;
  /** Entries that were recorded, by the time in which they were. */
  readonly recordedPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Attempts that were refused, and outcomes that were lost. */
  readonly refused: number;
  /** Entries that waited to be sealed when the last one came, and how long that took. */
  readonly backlog: number;
  readonly backlogMs: number;
  /** Cores that the whole process took, until all was sealed. */
  readonly cores: number;
  /** CPU an entry: of the thread that serves, and of the process. */
  readonly mainUs: number;
  readonly cpuUs: number;
  readonly sealedBytes: number;
  readonly journalBytes: number;
}

/** Ask for the rate. */
export async function hold(shape: HoldShape): Promise<Held> {
  const ground = await openAuditGround(Date.now);
  try {
    await drive(ground, { ...shape, seconds: 2 });
    await ground.log.run();
    const before = await sealedEntries(ground);
    const earlier = ground.bytes();
    const sealing = sealAgain(ground);
    const start = { at: performance.now(), main: process.threadCpuUsage(), all: process.cpuUsage() };
    const { times, refused } = await drive(ground, shape);
    const recordedMs = performance.now() - start.at;
    const backlog = times.length * 2 - ((await sealedEntries(ground)) - before);
    const backlogAt = performance.now();
    const ended = sealing.end();
    await ground.log.run();
    const backlogMs = performance.now() - backlogAt;
    const tookMs = performance.now() - start.at;
    const main = process.threadCpuUsage(start.main);
    const all = process.cpuUsage(start.all);
    await ended;
    const entries = times.length * 2 - ground.journal.health().lost;
    const bytes = ground.bytes();
    return {
      perSecond: (entries * 1000) / tookMs,
      recordedPerSecond: (entries * 1000) / recordedMs,
      p50Ms: percentile(times, 0.5),
      p99Ms: percentile(times, 0.99),
      refused: refused + ground.journal.health().lost,
      backlog,
      backlogMs,
      cores: (all.user + all.system) / 1000 / tookMs,
      mainUs: (main.user + main.system) / entries,
      cpuUs: (all.user + all.system) / entries,
      sealedBytes: (bytes.sealed - earlier.sealed) / entries,
      journalBytes: (bytes.journal - earlier.journal) / entries,
    };
  } finally {
    await ground.close();
  }
}

/** Leaves of all logs but the first of each, which is no entry. */
async function sealedEntries({ segments }: AuditGround): Promise<number> {
  let sealed = 0;
  for (const name of await segments.periods())
    for (const { size } of await (await segments.period(name)).logs()) sealed += size - 1;
  return sealed;
}

/** Seal and publish again and again, a second apart. */
function sealAgain({ log }: AuditGround): { end(): Promise<void> } {
  let ended = false;
  const rounds = (async () => {
    for (; !ended; await sleep(1000)) await log.run();
  })();
  return {
    async end() {
      ended = true;
      await rounds;
    },
  };
}

async function drive({ audit, journal }: AuditGround, { perSecond, seconds, tenants, actor }: HoldShape) {
  const times: number[] = [];
  let refused = 0;
  let underWay = 0;
  const attempt = async (n: number, dueMs: number): Promise<void> => {
    underWay += 1;
    const { context, fields, outcome } = auditedCall(n, Date.now(), tenants, actor);
    try {
      const { entry } = await audit.record('strict', context, fields);
      times.push(performance.now() - dueMs);
      audit.outcome(entry, context, outcome);
    } catch {
      refused += 1;
    }
    underWay -= 1;
  };
  const gapMs = 2000 / perSecond;
  const startMs = performance.now();
  const endMs = startMs + seconds * 1000;
  let n = 0;
  for (let dueMs = startMs; dueMs < endMs; await sleep(1))
    for (; dueMs <= performance.now() && dueMs < endMs; dueMs += gapMs) void attempt(n++, dueMs);
  while (underWay > 0 || journal.health().waiting > 0) await sleep(1);
  return { times, refused };
}
