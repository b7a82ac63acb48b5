import type { CallReader } from '../call-reader.ts';
import type { CallFilter } from '../calls.ts';
import { outsideStretches } from './outside-stretches.ts';
import { reportRows, serviceRows, type ReportName, type ReportRow } from './reports.ts';

/** Which report. */
export interface ReportAsked {
  readonly name: ReportName;
  readonly filter: Pick<CallFilter, 'tenant' | 'sinceMs' | 'untilMs'>;
  /** For `hours`: an IANA name; `undefined`: the clock of each tenant, as it was when an access was recorded. */
  readonly zone?: string | undefined;
  /** The IANA zone of a tenant. */
  readonly zoneOf: (tenant: string) => string;
  /** Lines of `services`, 10 when not given. */
  readonly top?: number;
}

/**
 * The rows of a report, page by page, read no further than it needs.
 *
 * @throws Refusal `item_invalid` for a zone that there is not; those of the reader
 */
export async function* reportOf(
  reader: CallReader,
  { name, filter, zone, zoneOf, top }: ReportAsked,
): AsyncGenerator<readonly ReportRow[]> {
  if (name === 'services') {
    yield serviceRows(await reader.services(filter), top);
    return;
  }
  const only = name === 'failures' ? 'unopened' : 'access';
  const judged = zone === undefined ? ({ hours: true } as const) : { within: outsideStretches(zone) };
  const hints = name === 'hours' ? ({ only, ...judged } as const) : ({ only } as const);
  const choices = zone === undefined ? { zoneOf } : { zoneOf: () => zone, afresh: true };
  yield* reportRows(name, reader.newest(filter, hints), choices);
}
