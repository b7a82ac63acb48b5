import {
  entriesPerFile,
  manifestPath,
  recordsPath,
  type ExportManifest,
  type ExportRecord,
} from '../../audit-verify/export-form.ts';
import type { CallReader } from '../call-reader.ts';
import type { Call, CallFilter } from '../calls.ts';
import type { OnReached } from '../every-entry.ts';
import type { EntryProofs } from '../log/entry-proofs.ts';
import type { PublishedFile } from '../log/published-files.ts';
import { callCsv, callCsvHead } from './call-csv.ts';
import type { ExportFormat } from './export-lines.ts';
import { ocsfEvent, type OcsfPlace } from './ocsf.ts';

/** What is exported. */
export interface ProvenExport {
  readonly format: ExportFormat;
  readonly reader: Pick<CallReader, 'ended'>;
  readonly filter: CallFilter;
  /** `undefined`: the sealed log cannot be read, and no entry has a proof. */
  readonly proofs: EntryProofs | undefined;
  readonly onReached?: OnReached;
}

/** A piece: text of the file, or a file of the folder beside it. The last is how much it was. */
export type ExportPiece =
  | { readonly text: string }
  | { readonly file: PublishedFile }
  | { readonly lines: number; readonly entries: number; readonly unproven: number };

/**
 * The same text as `exportText`, and what proves it, piece by piece (`audit-verify/export-form.ts`). An event of `ocsf` says in
 * `unmapped.proof` where its entries stand.
 *
 * @throws Refusal those of the reader and of the proofs, on the way
 */
export async function* exportProven(parts: ProvenExport): AsyncGenerator<ExportPiece> {
  const { format, reader, filter, proofs, onReached } = parts;
  const written = openWritten();
  let lines = 0;
  if (format === 'csv') yield { text: callCsvHead };
  for await (const calls of reader.ended(filter, onReached)) {
    const entries = calls.flatMap(({ attempt, outcome }) =>
      outcome === undefined ? [attempt] : [attempt, outcome],
    );
    const records =
      proofs === undefined
        ? entries.map((entry) => ({ entry: { ...entry } }))
        : await proofs.records(entries);
    const text = textOf(parts, calls, records);
    lines += format === 'jsonl' ? entries.length : calls.length;
    yield { text };
    for (const file of written.add(records)) yield { file };
  }
  const proven = await proofs?.finish();
  for (const file of written.rest()) yield { file };
  if (proven !== undefined) for await (const file of proven.files()) yield { file };
  const asked = Object.entries(filter).filter(([, value]) => value !== undefined);
  const { entries, unproven } = written.counts();
  const manifest: ExportManifest = {
    v: 1,
    format,
    filter: Object.fromEntries(asked),
    lines,
    entries,
    logs: proven?.logs ?? [],
  };
  yield { file: fileOf(manifestPath, `${JSON.stringify(manifest)}\n`) };
  yield { lines, entries, unproven };
}

function textOf(
  { format, proofs }: Pick<ProvenExport, 'format' | 'proofs'>,
  calls: readonly Call[],
  records: readonly ExportRecord[],
): string {
  if (format === 'csv') return calls.map(callCsv).join('');
  let at = 0;
  const place = (): OcsfPlace | undefined => {
    const { log, ix } = records[at++]!;
    return log === undefined || ix === undefined ? undefined : { log: proofs!.origin(log), index: ix };
  };
  const lines = calls.flatMap(({ attempt, outcome }): readonly object[] => {
    if (format === 'jsonl') return outcome === undefined ? [attempt] : [attempt, outcome];
    const places = { attempt: place(), outcome: outcome && place() };
    return [ocsfEvent({ attempt, outcome }, places)];
  });
  return lines.map((line) => `${JSON.stringify(line)}\n`).join('');
}

/** Records as files, a full one as soon as there is one. */
function openWritten() {
  const lines: string[] = [];
  let files = 0;
  let entries = 0;
  let unproven = 0;
  const take = (): PublishedFile => {
    const file = fileOf(recordsPath(files), lines.splice(0, entriesPerFile).join(''));
    files += 1;
    return file;
  };
  return {
    *add(records: readonly ExportRecord[]): Generator<PublishedFile> {
      entries += records.length;
      unproven += records.filter(({ body }) => body === undefined).length;
      lines.push(...records.map((record) => `${JSON.stringify(record)}\n`));
      while (lines.length >= entriesPerFile) yield take();
    },
    *rest(): Generator<PublishedFile> {
      if (lines.length > 0) yield take();
    },
    counts: () => ({ entries, unproven }),
  };
}

function fileOf(path: string, text: string): PublishedFile {
  return { path, bytes: Buffer.from(text), bodies: 0 };
}
