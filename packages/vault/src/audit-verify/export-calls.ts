import { Refusal } from '../refusal.ts';
import { checkRecord, type CheckedRecord, type ExportShard } from './check-record.ts';
import { parseRecord, recordsPath, type ExportManifest, type ExportRecord } from './export-form.ts';
import type { ExportedCall } from './export-lines.ts';
import type { Findings } from './findings.ts';
import { bytesMax, textOf, type LogSource } from './source.ts';

/** What an export has, and for whom it is read. */
export interface CallsParts {
  readonly source: LogSource;
  readonly manifest: ExportManifest;
  readonly shards: readonly (ExportShard | undefined)[];
  readonly findings: Findings;
  /** Entries by what is proven of them. */
  readonly tally: Record<CheckedRecord['proven'], number>;
}

/** What each line should be, in order: an entry of `jsonl`, a call of the others. Ends with `false` where entries are missing. */
export async function* callsOf(parts: CallsParts): AsyncGenerator<ExportedCall, boolean> {
  const { manifest, shards, findings, tally } = parts;
  let attempt: ExportedCall | undefined;
  const records = recordsOf(parts);
  let next = await records.next();
  for (; next.done !== true; next = await records.next()) {
    const record = next.value;
    const { log, ix } = record;
    const shard = log === undefined ? undefined : shards[log];
    const see = (says: string): void =>
      findings.add({
        state: 'tampered',
        ...(shard && { log: shard.origin }),
        ...(ix !== undefined && { index: ix }),
        says,
      });
    const checked = await checkedOf(record, shard, see);
    if (checked === undefined) continue;
    if (checked.wrong !== undefined) see(checked.wrong);
    tally[checked.proven] += 1;
    const { entry } = checked;
    const place = shard === undefined || ix === undefined ? undefined : { log: shard.origin, index: ix };
    if (manifest.format === 'jsonl' || entry.cause === undefined || entry.cause !== attempt?.attempt.id) {
      if (attempt !== undefined) yield attempt;
      attempt = { attempt: entry, outcome: undefined, places: { attempt: place, outcome: undefined } };
    } else {
      yield { ...attempt, outcome: entry, places: { ...attempt.places, outcome: place } };
      attempt = undefined;
    }
  }
  if (attempt !== undefined) yield attempt;
  return next.value;
}

async function checkedOf(
  record: ExportRecord,
  shard: ExportShard | undefined,
  see: (says: string) => void,
): Promise<CheckedRecord | undefined> {
  try {
    return await checkRecord(record, shard);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    see(error.message);
    return undefined;
  }
}

async function* recordsOf({ source, manifest, findings }: CallsParts): AsyncGenerator<ExportRecord, boolean> {
  let given = 0;
  for (let file = 0; given < manifest.entries; file += 1) {
    const path = recordsPath(file);
    const bytes = await source.read(path, bytesMax.bodies);
    if (bytes === undefined) {
      findings.add({ state: 'incomplete', path, says: 'entries of the export are missing' });
      return false;
    }
    const lines = textOf(bytes)?.split('\n') ?? [];
    const records = lines.slice(0, -1).map(parseRecord);
    if (lines.at(-1) !== '' || records.length === 0 || records.includes(undefined)) {
      findings.add({ state: 'tampered', path, says: 'a file of exported entries is not in its form' });
      return false;
    }
    yield* records as ExportRecord[];
    given += records.length;
  }
  return true;
}
