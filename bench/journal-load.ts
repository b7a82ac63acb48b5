import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { openAudit, openJournal, type Audit, type JournalOptions } from '@sealgate/vault';
import { oneKeySealer } from '@sealgate/vault/testing';

// One round of load on a journal of its own: attempts are waited for, outcomes are queued, as the gateway does.

/** How attempts arrive: `callers` in a closed loop, or so many a second whatever comes back. */
export type Load = { readonly callers: number } | { readonly perSecond: number };

/** What one round measured. Times in milliseconds; CPU in microseconds an entry. */
export interface Round {
  readonly p50: number;
  readonly p99: number;
  /** Attempts a second; each brings an outcome. */
  readonly rate: number;
  /** CPU of the calling thread. */
  readonly mainCpu: number;
  /** CPU of the whole process. */
  readonly cpu: number;
  /** 99th percentile of the event loop's delay. */
  readonly loopDelay: number;
}

const context = {
  tenant: 'group-1',
  actor: { type: 'client', id: 'client-3f8a0c51' },
  source: 'mcp',
  correlation: '01994e5b-2c00-7000-8000-000000000000',
  ip: '127.0.0.1',
  agent: 'bench/1.0',
} as const;
const fields = {
  act: 'tool.call' as const,
  object: 'connection:shop#u1#default',
  service: 'shop',
  request: { method: 'tools/call', tool: 'orders.list', bytes: 212 },
};

/** Run `load` for `ms` milliseconds. */
export async function round(load: Load, ms: number, options: Partial<JournalOptions> = {}): Promise<Round> {
  const directory = mkdtempSync(join(tmpdir(), 'sealgate-journal-'));
  const journal = await openJournal({
    path: join(directory, 'journal.db'),
    sealer: oneKeySealer(),
    now: Date.now,
    ...options,
  });
  const audit = openAudit({ journal });
  const times: number[] = [];
  await drive(audit, load, 200, []);
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const start = { at: performance.now(), main: process.threadCpuUsage(), all: process.cpuUsage() };
  await drive(audit, load, ms, times);
  const seconds = (performance.now() - start.at) / 1000;
  const main = process.threadCpuUsage(start.main);
  const all = process.cpuUsage(start.all);
  delay.disable();
  await journal.close();
  rmSync(directory, { recursive: true });
  times.sort((a, b) => a - b);
  const entries = times.length * 2;
  return {
    p50: times[Math.floor(times.length * 0.5)]!,
    p99: times[Math.floor(times.length * 0.99)]!,
    rate: times.length / seconds,
    mainCpu: (main.user + main.system) / entries,
    cpu: (all.user + all.system) / entries,
    loopDelay: delay.percentile(99) / 1e6,
  };
}

async function drive(audit: Audit, load: Load, ms: number, times: number[]): Promise<void> {
  const end = performance.now() + ms;
  const attempt = async (start = performance.now()) => {
    const receipt = await audit.record('strict', context, fields);
    times.push(performance.now() - start);
    audit.outcome(receipt.entry, context, { out: 'success', ms: 12, bytes: 812 });
  };
  if ('callers' in load) {
    const caller = async () => {
      while (performance.now() < end) {
        await attempt();
        await turn(); // a caller's next request comes in another turn of the loop
      }
    };
    await Promise.all(Array.from({ length: load.callers }, caller));
    return;
  }
  // Timed from when it was due, not from when a loop that stood still came round to sending it.
  const under: Promise<void>[] = [];
  const gap = 1000 / load.perSecond;
  for (let due = performance.now(); due < end; await sleep(1))
    for (; due <= performance.now(); due += gap) under.push(attempt(due));
  await Promise.all(under);
}
