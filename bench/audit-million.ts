import { join } from 'node:path';
import {
  logEntries,
  newestCalls,
  reportNames,
  reportRows,
  type CallFilter,
  type LogQuery,
  type ReportName,
} from '@sealgate/vault';
import { folderSource, verifyLog } from '@sealgate/vault/audit-verify';
import { auditedCall } from './audit-calls.ts';
import { openAuditGround, type AuditGround } from './audit-ground.ts';
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

const start = Date.UTC(2026, 10, 1);
const spreadMs = 20 * 24 * 3600_000;
const together = 256;
const pageEntries = 100;

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
      nowMs = Math.max(nowMs, start + Math.floor((n / calls) * spreadMs));
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

async function pageTimes({ reader }: AuditGround, pages: number): Promise<Long['pageMs']> {
  const scope = 'group-0';
  const measured = async (queryOf: (at: number) => Partial<LogQuery>) => {
    const times: number[] = [];
    for (let at = 0; at < pages + 5; at += 1) {
      const startMs = performance.now();
      let left = pageEntries;
      for await (const _ of logEntries(reader, { scope, descending: true, ...queryOf(at) })) {
        left -= 1;
        if (left === 0) break;
      }
      if (left > 0) throw new Error('a page is short');
      if (at >= 5) times.push(performance.now() - startMs);
    }
    return { p50: percentile(times, 0.5), p99: percentile(times, 0.99) };
  };
  // Steps that do not divide the whole come to every part of it.
  const anywhere = (at: number): number => start + spreadMs * (0.1 + 0.9 * ((at * 0.618) % 1));
  return {
    newest: await measured(() => ({})),
    anywhere: await measured((at) => ({ untilMs: anywhere(at) })),
    ofOne: await measured((at) => ({
      untilMs: anywhere(at),
      having: { actor: `${scope}-caller-${at % 4}` },
    })),
  };
}

async function reportTimes({ journal }: AuditGround): Promise<Long['reportSeconds']> {
  const seconds: Partial<Record<ReportName, number>> = {};
  for (const name of reportNames) {
    const filter: CallFilter = name === 'accesses' ? { tenant: 'group-0' } : {};
    const startMs = performance.now();
    let rows = 0;
    const calls = newestCalls(journal, filter);
    for await (const some of reportRows(name, calls, { zoneOf: () => 'Asia/Kolkata' })) rows += some.length;
    if (rows === 0) throw new Error(`the report ${name} is empty`);
    seconds[name] = (performance.now() - startMs) / 1000;
  }
  return seconds as Long['reportSeconds'];
}
