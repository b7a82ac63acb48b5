import { setTimeout as sleep } from 'node:timers/promises';
import { startApart } from './apart.ts';
import { flatOutApart, holdApart } from './audit-apart.ts';
import type { Flat, FlatShape } from './audit-flat.ts';
import {
  costOfLog,
  gatewayWays,
  medianOf,
  startWay,
  stopWay,
  type Cost,
  type CostShape,
} from './audit-cost.ts';
import type { Held, HoldShape } from './audit-hold.ts';
import { longLog, type Long, type LongShape } from './audit-million.ts';
import { atLeast, atMost, type Bar, type Bench } from './bars.ts';
import { load, type Loaded } from './load.ts';
import { compared } from './quiet-rounds.ts';

// What the audit log takes: entries through journal, sealing and publishing at a rate that is asked for, alone and beside
// a gateway that has its hands full; a log of a million entries, checked, read and reported on; and what all of it adds to
// a call. Entries are those of people, whose part is sealed for itself, as in the gateway.

/** How much of each. */
export interface AuditSizes {
  readonly alone: HoldShape;
  readonly beside: HoldShape;
  readonly flat: FlatShape;
  readonly long: LongShape;
  readonly cost: CostShape;
}

const tenants = 50;
const hold = { seconds: 60, tenants, actor: 'person' } as const;
const sizes: AuditSizes = {
  alone: { ...hold, perSecond: 30_000 },
  beside: { ...hold, perSecond: 10_000 },
  flat: { rounds: 5, calls: 20_000, tenants },
  long: { entries: 1_000_000, tenants, pages: 200 },
  cost: { rounds: 7, leadMs: 2500, turnMs: 4000 },
};
const loadLeadMs = 3000;

/** Run the bench: about twelve minutes with the sizes of its aims. */
export async function run({ alone, beside, flat, long, cost }: AuditSizes = sizes): Promise<Bench> {
  const flatOut = await flatOutApart(flat);
  console.log(
    `flat out: ${whole(flatOut.sealed)} entries/s sealed, ${whole(flatOut.plain)}/s into a plain table`,
  );
  const held = await holdApart(alone);
  console.log(lineOf('alone', held));
  const besides = await besideGateway(beside);
  console.log(lineOf('beside a gateway', besides.held));
  console.log(`  which answered ${whole(besides.loaded.perSecond)} calls/s meanwhile`);
  const length = await longLog(long);
  console.log(`a log of ${long.entries} entries: ${JSON.stringify(length)}`);
  const costs = await costOfLog(cost);
  for (const way of gatewayWays)
    console.log(
      `gateway, ${way.padEnd(7)} 16 clients ${whole(medianOf(costs.sixteen, way, 'perSecond'))}/s, CPU ${whole(medianOf(costs.sixteen, way, 'cpuUs'))} us; ` +
        `1 client p50 ${whole(medianOf(costs.one, way, 'p50Us'))} us, CPU ${whole(medianOf(costs.one, way, 'cpuUs'))} us`,
    );
  const bars = [
    ...rateBars(alone, held, flatOut),
    ...besideBars(beside, besides),
    ...lengthBars(long, length),
    ...costBars(costs),
  ];
  return { bench: 'audit', bars };
}

/** The rate beside a gateway that answers sixteen callers as fast as it can. */
async function besideGateway(shape: HoldShape): Promise<{ readonly held: Held; readonly loaded: Loaded }> {
  const upstream = await startApart('raw');
  const way = await startWay('whole', upstream);
  try {
    const durationMs = shape.seconds * 1000 + 2 * loadLeadMs;
    const busy = load(way.gateway.upstream('raw'), { connections: 16, payloadBytes: 64, durationMs });
    await sleep(loadLeadMs);
    const held = await holdApart(shape);
    return { held, loaded: await busy };
  } finally {
    await stopWay(way);
    await upstream.close();
  }
}

function rateBars({ perSecond, seconds }: HoldShape, held: Held, flat: Flat): readonly Bar[] {
  const asked = `${perSecond} asked a second for ${seconds} s`;
  return [
    atLeast(`${asked}: sealed`, held.perSecond, 'entries/s', perSecond * 0.99),
    atMost(`${asked}: refused or lost`, held.refused, '', 0),
    atMost(`${asked}: attempt durable, p99`, held.p99Ms, 'ms', 60),
    atMost(`${asked}: whole process`, held.cores, 'cores', 1.2),
    atMost(`${asked}: on the disk, sealed`, held.sealedBytes, 'B/entry', 300),
    atLeast('sealed flat out, to a plain table with two indexes', flat.ratio, '×', 0.5),
  ];
}

function besideBars(
  { perSecond }: HoldShape,
  { held, loaded }: { readonly held: Held; readonly loaded: Loaded },
): readonly Bar[] {
  const asked = `${perSecond} asked a second beside a busy gateway`;
  return [
    atLeast(`${asked}: sealed`, held.perSecond, 'entries/s', perSecond * 0.99),
    atMost(`${asked}: refused or lost`, held.refused, '', 0),
    atMost(`${asked}: attempt durable, p99`, held.p99Ms, 'ms', 60),
    atMost(`${asked}: the gateway's wrong answers`, loaded.wrong, '', 0),
  ];
}

function lengthBars({ entries }: LongShape, { verifySeconds, pageMs, reportSeconds }: Long): readonly Bar[] {
  return [
    atMost(`${entries} leaves verified`, verifySeconds, 's', 6),
    atMost(`newest 100 of ${entries}, CPU, p50`, pageMs.newest.p50, 'ms', 1),
    atMost(`100 from anywhere in ${entries}, CPU, p50`, pageMs.anywhere.p50, 'ms', 1),
    atMost(`100 of one person in ${entries}, CPU, p50`, pageMs.ofOne.p50, 'ms', 1),
    ...Object.entries(reportSeconds).map(([name, seconds]) =>
      atMost(`report ${name} over ${entries}, CPU`, seconds, 's', 1),
    ),
  ];
}

function costBars({ one, sixteen }: Cost): readonly Bar[] {
  const fewer = compared(sixteen, ['whole', 'off'], (whole_, off) => 1 - whole_.perSecond / off.perSecond);
  const added = compared(one, ['whole', 'off'], (whole_, off) => (whole_.p50Us - off.p50Us) / 1000);
  const sealing = compared(sixteen, ['whole', 'journal'], (a, b) => 1 - a.perSecond / b.perSecond);
  const wrong = [one, sixteen]
    .flatMap(({ rounds }) => rounds.flatMap((round) => Object.values(round)))
    .reduce((sum, figures) => sum + figures.wrong, 0);
  return [
    atMost('fewer calls than without an entry, 16 clients', fewer * 100, '%', 30),
    atMost('of which for sealing the journal', sealing * 100, '%', 15),
    atMost('added to a call, 1 client, p50', added, 'ms', 0.6),
    atMost("the gateways' wrong answers", wrong, '', 0),
  ];
}

function lineOf(where: string, held: Held): string {
  const { perSecond, recordedPerSecond, p50Ms, p99Ms, refused, backlog, backlogMs, cores, mainUs, cpuUs } =
    held;
  return [
    `${where}: ${whole(perSecond)} entries/s sealed, ${whole(recordedPerSecond)} recorded, ack p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms, refused ${refused}`,
    `  at the end ${backlog} to be sealed in ${whole(backlogMs)} ms; ${cores.toFixed(2)} cores, CPU an entry ${mainUs.toFixed(1)} us main, ${cpuUs.toFixed(1)} us all`,
    `  ${whole(held.sealedBytes)} B/entry sealed, ${whole(held.journalBytes)} in the journal`,
  ].join('\n');
}

function whole(value: number): string {
  return String(Math.round(value));
}
