import { callCsv, callCsvHead } from '../audit/export/call-csv.ts';
import { ocsfEvent, type OcsfPlaces } from '../audit/export/ocsf.ts';
import { isSame, type ExportedFormat } from './export-form.ts';

// The lines of an exported file, and what they have to be.

/** A call as the exporter sees it, and where its entries stand. */
export type ExportedCall = Parameters<typeof callCsv>[0] & { readonly places: OcsfPlaces };

const lineCharactersMax = 1_048_576;

/** Lines of a text, without their ends; of CSV its records, which may have line breaks within quotes. */
export async function* linesOf(
  format: ExportedFormat,
  file: AsyncIterable<Uint8Array>,
): AsyncGenerator<string | undefined> {
  const end = format === 'csv' ? '\r\n' : '\n';
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let rest = '';
  // How far it was looked at, and whether that ends within quotes.
  let [looked, quoted] = [0, false];
  for await (const bytes of file) {
    rest += decoder.decode(bytes, { stream: true });
    for (let at = rest.indexOf(end, looked); at !== -1; at = rest.indexOf(end, looked)) {
      quoted = format === 'csv' && isOdd(rest.slice(looked, at)) !== quoted;
      looked = at + end.length;
      if (quoted) continue;
      yield rest.slice(0, at);
      [rest, looked] = [rest.slice(looked), 0];
    }
    // Longer than any line that is written: nobody has to hold more of it.
    if (rest.length > lineCharactersMax) return yield undefined;
  }
  if (rest !== '' || decoder.decode() !== '') yield undefined;
}

/** The line above all others; `undefined` when the format has none. */
export function headOf(format: ExportedFormat): string | undefined {
  return format === 'csv' ? callCsvHead.slice(0, -2) : undefined;
}

/** Whether a line says what its call, or its entry, says. */
export function isLineOf(
  format: ExportedFormat,
  line: string,
  { attempt, outcome, places }: ExportedCall,
): boolean {
  if (format === 'csv') return `${line}\r\n` === callCsv({ attempt, outcome });
  const value = asJson(line);
  const wanted = format === 'ocsf' ? ocsfEvent({ attempt, outcome }, places) : attempt;
  // Text that says a name twice, or the same otherwise, would be read in more than one way.
  return value !== undefined && JSON.stringify(value) === line && isSame(value, wanted);
}

/** The id that a line names; `undefined` when it names none. */
export function idOf(format: ExportedFormat, line: string): string | undefined {
  if (format === 'csv') return /^"[^"]*","([^"]*)"/.exec(line)?.[1];
  const value = asJson(line) as { id?: unknown; metadata?: { uid?: unknown } } | undefined;
  const id = format === 'ocsf' ? value?.metadata?.uid : value?.id;
  return typeof id === 'string' ? id : undefined;
}

function asJson(line: string): object | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function isOdd(text: string): boolean {
  return text.split('"').length % 2 === 0;
}
