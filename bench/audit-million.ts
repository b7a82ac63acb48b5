import { join } from 'node:path';
import { reportNames, reportOf, type CallFilter, type ReportName } from '@sealgate/vault';
import { folderSource, verifyLog } from '@sealgate/vault/audit-verify';
import { auditedCall } from './audit-calls.ts';
import { businessZone, openAuditGround, type AuditGround } from './audit-ground.ts';
import { percentile } from './bars.ts';

// A log that has become long: so many entries over twenty days, and what it takes to check it, to turn its pages, and to
// report over it.

/** How long. */
export interface LongShape {
  readonly entries: number;
  /** Groups of the reports' journal; the sealed log is all of one. */
  readonly tenants: number;
  /** Pages that are turned to. */
  readonly pages: number;
}

/** What it takes. */
export interface Long {
  readonly verifySeconds: number;
  readonly verified: string;
  readonly pageMs: Readonly<
    Record<'newest' | 'anywhere' | 'ofOne', { readonly p50: number; readonly p99: number }>
  >;
  readonly reportSeconds: Readonly<Record<ReportName, number>>;
  readonly sealedBytes: number;
}

/** Midnight of the reports' zone. */
const start = Date.parse('2026-11-01T00:00:00+05:30');
const spreadMs = 20 * 24 * 3600_000;
const together = 256;
const pageCalls = 100;

const dayMs = 24 * 3600_000;
/** Of a day's calls, one in a hundred comes before eight in the morning, and another behind eight in the evening. */
const quiet = 0.01;

/** The time of a call. @param share of the calls that come before it */
function timeOf(share: number): number {
  const day = Math.floor((share * spreadMs) / dayMs);
  const ofDay = (share * spreadMs) / dayMs - day;
  const part =
    ofDay < quiet
      ? ofDay / quiet / 3
      : ofDay > 1 - quiet
        ? 5 / 6 + (ofDay - 1 + quiet) / quiet / 6
        : 1 / 3 + (ofDay - quiet) / (1 - 2 * quiet) / 2;
  return Math.floor(start + (day + part) * dayMs);
}

/** Measure all of it. */
export async function longLog({ entries, tenants, pages }: LongShape): Promise<Long> {
  const sealed = await withLog(entries, 1, async (ground) => {
    await ground.log.run();
    const sealedBytes = ground.bytes().sealed / entries;
    return { sealedBytes, ...(await verified(ground)), pageMs: await pageTimes(ground, pages) };
  });
  const reportSeconds = await withLog(entries, tenants, reportTimes);
  return { ...sealed, reportSeconds };
}

async function withLog<V>(
  entries: number,
  tenants: number,
  work: (ground: AuditGround) => Promise<V>,
): Promise<V> {
  let nowMs = start;
  const ground = await openAuditGround(() => nowMs);
  try {
    const calls = entries / 2;
    const one = async (n: number): Promise<void> => {
      nowMs = Math.max(nowMs, timeOf(n / calls));
      const { context, fields, outcome } = auditedCall(n, nowMs, tenants);
      const { entry } = await ground.audit.record('strict', context, fields);
      ground.audit.outcome(entry, context, outcome);
    };
    for (let n = 0; n < calls; n += together)
      await Promise.all(Array.from({ length: Math.min(together, calls - n) }, (_, at) => one(n + at)));
    while (ground.journal.health().waiting > 0) await new Promise((resolve) => setImmediate(resolve));
    return await work(ground);
  } finally {
    await ground.close();
  }
}

async function verified({ log, folder }: AuditGround): Promise<Pick<Long, 'verifySeconds' | 'verified'>> {
  const at = join(folder, 'published');
  await log.write(at);
  const startMs = performance.now();
  const { state, entries } = await verifyLog(folderSource(at), { vkeys: log.vkeys });
  return { verifySeconds: (performance.now() - startMs) / 1000, verified: `${state}, ${entries} leaves` };
}

async function pageTimes({ calls }: AuditGround, pages: number): Promise<Long['pageMs']> {
  const tenant = 'group-0';
  const measured = async (filterOf: (at: number) => CallFilter) => {
    const times: number[] = [];
    for (let at = 0; at < pages + 5; at += 1) {
      const before = process.cpuUsage();
      let left = pageCalls;
      for await (const some of calls.newest({ tenant, ...filterOf(at) }, {})) {
        left -= some.length;
        if (left <= 0) break;
      }
      if (left > 0) throw new Error('a page is short');
      const { user, system } = process.cpuUsage(before);
      if (at >= 5) times.push((user + system) / 1000);
    }
    return { p50: percentile(times, 0.5), p99: percentile(times, 0.99) };
  };
  // Steps that do not divide the whole come to every part of it.
  const anywhere = (at: number): number => start + spreadMs * (0.1 + 0.9 * ((at * 0.618) % 1));
  return {
    newest: await measured(() => ({})),
    anywhere: await measured((at) => ({ untilMs: anywhere(at) })),
    ofOne: await measured((at) => ({ untilMs: anywhere(at), actor: `${tenant}-caller-${at % 4}` })),
  };
}

async function reportTimes(ground: AuditGround): Promise<Long['reportSeconds']> {
  await ground.log.run();
  const seconds: Partial<Record<ReportName, number>> = {};
  for (const name of reportNames) {
    const filter = name === 'accesses' ? { tenant: 'group-0' } : {};
    const before = process.cpuUsage();
    let rows = 0;
    for await (const some of reportOf(ground.calls, { name, filter, zoneOf: () => businessZone }))
      rows += some.length;
    if (rows === 0) throw new Error(`the report ${name} is empty`);
    const { user, system } = process.cpuUsage(before);
    seconds[name] = (user + system) / 1_000_000;
    console.log(`  ${name}: ${rows} rows, ${seconds[name]?.toFixed(2)} s of CPU`);
  }
  return seconds as Long['reportSeconds'];
}
