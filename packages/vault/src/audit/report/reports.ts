import type { Call } from '../calls.ts';
import { accessOf, isFailedOpen, type Access } from './access.ts';
import { countedServices, type ServiceCount } from './service-counts.ts';
import { isOutside, localClock, type LocalClock } from './local-hours.ts';

// The four reports over accesses. Each takes calls as they come, the newest first, and gives rows of text and numbers under
// columns of its own; none keeps more than it counts.

/** The reports, by name. */
export const reportNames = ['accesses', 'hours', 'services', 'failures'] as const;
/** One of {@link reportNames}. */
export type ReportName = (typeof reportNames)[number];

/** A value of a row. */
export type Cell = string | number;
/** One line of a report, with a value for each of its columns. */
export type ReportRow = Readonly<Record<string, Cell>>;

/** What a report needs to know beside the calls. */
export interface ReportChoices {
  /** The IANA zone of a tenant; for `hours`. */
  readonly zoneOf: (tenant: string) => string;
  /** `hours`: go by the clock of `zoneOf` alone, and not by what was judged when an access was recorded. */
  readonly afresh?: boolean;
  /** Lines of `services`, 10 when not given. */
  readonly top?: number;
}

const ofAccess = [
  'time',
  'client',
  'service',
  'provider',
  'act',
  'outcome',
  'code',
  'source',
  'by',
  'request',
];

/** What stands in the rows of a report, in order. */
export const reportColumns: Readonly<Record<ReportName, readonly string[]>> = {
  accesses: ofAccess,
  hours: ['local', 'zone', ...ofAccess],
  services: ['service', 'accesses', 'failed', 'clients', 'last'],
  failures: ofAccess,
};

/**
 * The rows of a report. `services` comes in one piece at the end, the others as calls come.
 *
 * @throws Refusal `item_invalid` for a zone that there is not; those of whoever gives the calls
 */
export function reportRows(
  name: ReportName,
  calls: AsyncIterable<readonly Call[]>,
  choices: ReportChoices,
): AsyncIterable<readonly ReportRow[]> {
  if (name === 'services') return topServices(calls, choices.top);
  const accesses = accessPages(calls);
  if (name === 'hours') return outsideHours(accesses, choices);
  return name === 'failures' ? rowsWhere(accesses, isFailedOpen) : rowsWhere(accesses, () => true);
}

async function* topServices(
  calls: AsyncIterable<readonly Call[]>,
  top: number | undefined,
): AsyncGenerator<readonly ReportRow[]> {
  yield serviceRows(await countedServices(calls), top);
}

async function* accessPages(calls: AsyncIterable<readonly Call[]>): AsyncGenerator<readonly Access[]> {
  for await (const page of calls)
    yield page.map(accessOf).filter((access): access is Access => access !== undefined);
}

async function* rowsWhere(
  accesses: AsyncIterable<readonly Access[]>,
  isMeant: (access: Access) => boolean,
): AsyncGenerator<readonly ReportRow[]> {
  for await (const page of accesses) yield page.filter(isMeant).map(rowOf);
}

async function* outsideHours(
  accesses: AsyncIterable<readonly Access[]>,
  { zoneOf, afresh = false }: ReportChoices,
): AsyncGenerator<readonly ReportRow[]> {
  const clocks = new Map<string, LocalClock>();
  const clockOf = (zone: string): LocalClock => {
    const known = clocks.get(zone) ?? localClock(zone);
    clocks.set(zone, known);
    return known;
  };
  for await (const page of accesses)
    yield page.flatMap((access) => {
      const zone = zoneOf(access.client);
      const clock = clockOf(zone);
      const judged = afresh ? undefined : access.flags?.includes('hours');
      if (!(judged ?? isOutside(clock.hour(access.atMs)))) return [];
      return [{ local: clock.text(access.atMs), zone, ...rowOf(access) }];
    });
}

/** The lines of `services`: the most accesses first, as many lines as are asked for. */
export function serviceRows(services: readonly ServiceCount[], top = 10): readonly ReportRow[] {
  return services
    .toSorted((a, b) => b.accesses - a.accesses || (a.service < b.service ? -1 : 1))
    .slice(0, top)
    .map(({ service, accesses, failed, clients, lastMs }) => ({
      service,
      accesses,
      failed,
      clients: clients.size,
      last: new Date(lastMs).toISOString(),
    }));
}

function rowOf({
  atMs,
  client,
  service,
  provider,
  act,
  outcome,
  code,
  source,
  by,
  request,
}: Access): ReportRow {
  const time = new Date(atMs).toISOString();
  return { time, client, service, provider, act, outcome, code, source, by, request };
}
