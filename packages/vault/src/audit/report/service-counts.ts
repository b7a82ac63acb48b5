import type { Call } from '../calls.ts';
import { accessOf, isFailedOpen, type Access } from './access.ts';

/** Accesses of one service. */
export interface ServiceCount {
  readonly service: string;
  readonly accesses: number;
  /** Those at which nothing could be opened. */
  readonly failed: number;
  /** Tenants that were accessed. */
  readonly clients: ReadonlySet<string>;
  /** Time of the last one, in milliseconds since 1970. */
  readonly lastMs: number;
}

/** Adds up. */
export interface ServiceTally {
  /** @param count may be below 0, for what was counted and is not so */
  add(service: string, client: string, count: Omit<ServiceCount, 'service' | 'clients'>): void;
  list(): readonly ServiceCount[];
}

/** Nothing is counted yet. */
export function serviceTally(): ServiceTally {
  const byService = new Map<string, Map<string, { accesses: number; failed: number; lastMs: number }>>();
  return {
    add(service, client, { accesses, failed, lastMs }) {
      const clients =
        byService.get(service) ?? new Map<string, { accesses: number; failed: number; lastMs: number }>();
      byService.set(service, clients);
      const counted = clients.get(client) ?? { accesses: 0, failed: 0, lastMs: 0 };
      clients.set(client, {
        accesses: counted.accesses + accesses,
        failed: counted.failed + failed,
        lastMs: Math.max(counted.lastMs, lastMs),
      });
    },
    list: () =>
      [...byService].flatMap(([service, all]) => {
        const clients = [...all].filter(([, { accesses }]) => accesses > 0);
        if (clients.length === 0) return [];
        const sum = (of: 'accesses' | 'failed') => clients.reduce((total, [, each]) => total + each[of], 0);
        const lastMs = clients.reduce((last, [, each]) => Math.max(last, each.lastMs), 0);
        const names = new Set(clients.map(([name]) => name));
        return [{ service, accesses: sum('accesses'), failed: sum('failed'), clients: names, lastMs }];
      }),
  };
}

/** Count a call, or what it is more than it was. */
export function tallyCall(tally: ServiceTally, call: Call, counted?: Call): void {
  const before = counted && accessOf(counted);
  const now = accessOf(call);
  if (before !== undefined) tally.add(before.service, before.client, countOf(before, -1));
  if (now !== undefined) tally.add(now.service, now.client, countOf(now, 1));
}

function countOf(access: Access, sign: 1 | -1): Parameters<ServiceTally['add']>[2] {
  return { accesses: sign, failed: isFailedOpen(access) ? sign : 0, lastMs: sign === 1 ? access.atMs : 0 };
}

/** Accesses among calls, counted by service, in no order. @throws Refusal whatever the calls throw */
export async function countedServices(
  calls: AsyncIterable<readonly Call[]>,
): Promise<readonly ServiceCount[]> {
  const tally = serviceTally();
  for await (const page of calls) for (const call of page) tallyCall(tally, call);
  return tally.list();
}
