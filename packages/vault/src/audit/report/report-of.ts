import type { CallReader } from '../call-reader.ts';
import type { CallFilter } from '../calls.ts';
import { outsideStretches } from './outside-stretches.ts';
import { reportRows, serviceRows, type ReportName, type ReportRow } from './reports.ts';

/** Which report. */
export interface ReportAsked {
  readonly name: ReportName;
  readonly filter: Pick<CallFilter, 'tenant' | 'sinceMs' | 'untilMs'>;
  /** An IANA name; for `hours`. */
  readonly zone: string;
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
  { name, filter, zone, top }: ReportAsked,
): AsyncGenerator<readonly ReportRow[]> {
  if (name === 'services') {
    yield serviceRows(await reader.services(filter), top);
    return;
  }
  const only = name === 'failures' ? 'unopened' : 'access';
  const hints = name === 'hours' ? ({ only, within: outsideStretches(zone) } as const) : ({ only } as const);
  yield* reportRows(name, reader.newest(filter, hints), { zoneOf: () => zone });
}
