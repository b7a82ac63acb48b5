import type { CallReader } from '../call-reader.ts';
import type { CallFilter } from '../calls.ts';
import type { OnReached } from '../every-entry.ts';
import { callCsv, callCsvHead } from './call-csv.ts';
import { ocsfEvent } from './ocsf.ts';

/** The formats, by name. */
export const exportFormats = ['jsonl', 'csv', 'ocsf'] as const;
/** One of {@link exportFormats}. */
export type ExportFormat = (typeof exportFormats)[number];

/**
 * What is meant as text, piece by piece; nothing but a piece is in memory. `jsonl` has the entries of calls as they are, the
 * attempt before its outcome; `csv` and `ocsf` (one JSON event a line) have a line a call. In the order in which they ended.
 *
 * @throws Refusal those of the reader, on the way
 */
export async function* exportText(
  format: ExportFormat,
  reader: Pick<CallReader, 'ended'>,
  filter: CallFilter,
  onReached?: OnReached,
): AsyncGenerator<string> {
  if (format === 'csv') yield callCsvHead;
  for await (const calls of reader.ended(filter, onReached)) {
    if (format === 'csv') yield calls.map(callCsv).join('');
    else if (format === 'ocsf') yield calls.map((call) => lineOf(ocsfEvent(call))).join('');
    else
      yield calls
        .map(({ attempt, outcome }) => lineOf(attempt) + (outcome === undefined ? '' : lineOf(outcome)))
        .join('');
  }
}

function lineOf(value: object): string {
  return `${JSON.stringify(value)}\n`;
}
