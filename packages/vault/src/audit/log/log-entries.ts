import type { KeySubjects } from '../../keys/key-subjects.ts';
import type { Sealer } from '../../keys/sealer.ts';
import { Refusal } from '../../refusal.ts';
import { parseRecord } from '../../seal/record.ts';
import { toText } from '../../seal/text-form.ts';
import type { Entry } from '../entry.ts';
import { entryOf, isEventLeaf, sealedPersonIn } from '../leaf/entry-of.ts';
import { tagNames, type LogKeys, type TagName } from '../leaf/log-keys.ts';
import { searchValues } from '../leaf/search-values.ts';
import { personPlace } from '../leaf/person-part.ts';
import { openBodies } from './bodies.ts';
import type { LogKeyring } from './log-keyring.ts';
import { monthOf } from './names.ts';
import type { IndexRow, LogName, Period, Segments } from './segments.ts';
import { turn } from './turns.ts';

// Entries out of the sealed log: found by tags, opened, and then looked at once more, since two values may share a tag.

const rowsAtOnce = 256;

/** What is looked for. */
export interface LogQuery {
  /** A tenant. */
  readonly scope: string;
  /** Values that the entry must have. */
  readonly having?: Readonly<Partial<Record<TagName, string>>>;
  /** From this time on, in milliseconds since 1970. */
  readonly sinceMs?: number;
  /** Before this time. */
  readonly untilMs?: number;
  /** The newest first. */
  readonly descending?: boolean;
}

/** What entries are read with. */
export interface LogReader {
  readonly segments: Segments;
  readonly sealer: Pick<Sealer, 'open'>;
  readonly keyring: LogKeyring;
  /** Whose the keys of kind `audit_person` are. */
  readonly subjects: KeySubjects;
}

/**
 * Entries of a tenant, in the order of time. What was recorded within the last second may not be sealed yet.
 *
 * @throws Refusal `key_disabled`, `key_unavailable`, `open_failed`, `store_unavailable`
 */
export async function* logEntries(reader: LogReader, query: LogQuery): AsyncGenerator<Entry> {
  const { scope, having = {}, sinceMs = 0, untilMs = Infinity, descending = false } = query;
  const keys = await reader.keyring.find(scope);
  const tags = keys && tagsFor(keys, having);
  // Without keys nobody can say what an entry had.
  if (tags === undefined && Object.keys(having).length > 0) return;
  const opened = openingSlices(reader);
  const names = (await reader.segments.periods()).filter((name) => name >= monthOf(sinceMs));
  for (const name of descending ? names.toReversed() : names) {
    const period = await reader.segments.period(name);
    const logs = await period.logs([scope]);
    for (const log of descending ? logs.toReversed() : logs)
      for await (const row of rowsOf(period, log, { tags, sinceMs, untilMs, descending })) {
        const entry = await opened(period, log, row);
        if (has(entry, having)) yield entry;
      }
  }
}

function tagsFor(keys: LogKeys, having: NonNullable<LogQuery['having']>): IndexRow['tags'] {
  const tags: Partial<Record<TagName, number>> = {};
  for (const name of tagNames)
    if (having[name] !== undefined) tags[name] = keys.searchTag(name, having[name]);
  return tags;
}

async function* rowsOf(
  period: Period,
  log: LogName,
  wanted: {
    readonly tags: IndexRow['tags'] | undefined;
    readonly sinceMs: number;
    readonly untilMs: number;
    readonly descending: boolean;
  },
): AsyncGenerator<IndexRow> {
  const { tags = {}, sinceMs, untilMs, descending } = wanted;
  const until = untilMs === Infinity ? {} : { untilMs };
  for (let after: IndexRow | undefined; ;) {
    const from = after === undefined ? {} : { after };
    const page = await period.rows(log, { tags, sinceMs, ...until, descending, ...from, limit: rowsAtOnce });
    yield* page;
    after = page.at(-1);
    if (page.length < rowsAtOnce) return;
    await turn();
  }
}

interface OpenSlice {
  readonly log: LogName;
  readonly first: number;
  readonly leaves: readonly string[];
  readonly bodies: readonly string[];
}

/** Rows that follow each other lie in the same slice mostly, which is opened once. */
function openingSlices(reader: LogReader) {
  let last: OpenSlice | undefined;
  return async (period: Period, log: LogName, { ix }: IndexRow): Promise<Entry> => {
    if (last === undefined || last.log !== log || ix < last.first || ix >= last.first + last.leaves.length) {
      const [slice] = await period.slices(log, ix, 1);
      if (slice === undefined) throw new Error(`${log.shard} lacks leaf ${ix}`);
      last = { ...slice, log, bodies: await bodiesIn(reader.sealer, log, slice) };
    }
    const [leaf, body] = [last.leaves[ix - last.first]!, last.bodies[ix - last.first]!];
    if (!isEventLeaf(leaf)) throw new Error(`leaf ${ix} of ${log.shard} is no entry`);
    return entryOf(log.scope, leaf, body, await personIn(reader, log.scope, { leaf, body }));
  };
}

async function bodiesIn(
  sealer: LogReader['sealer'],
  log: LogName,
  slice: Parameters<typeof openBodies>[2],
): Promise<readonly string[]> {
  return unlessShredded(openBodies(sealer, log, slice), () => slice.leaves.map(() => ''));
}

async function personIn(
  { sealer, subjects }: LogReader,
  scope: string,
  { leaf, body }: { readonly leaf: string; readonly body: string },
): Promise<string | undefined> {
  const sealed = sealedPersonIn(body);
  if (sealed === undefined) return undefined;
  const { id } = JSON.parse(leaf) as { readonly id: string };
  const record = Buffer.from(sealed, 'base64url');
  const subject = await subjects.of(scope, toText(parseRecord(record).dataKeyId));
  if (subject === undefined) return undefined;
  const opening = sealer.open('audit_person', personPlace(scope, subject, id), record);
  return unlessShredded(
    opening.then((bytes) => bytes.toString('utf8')),
    () => undefined,
  );
}

async function unlessShredded<V>(opening: Promise<V>, otherwise: () => V): Promise<V> {
  try {
    return await opening;
  } catch (error) {
    if (error instanceof Refusal && error.code === 'key_shredded') return otherwise();
    throw error;
  }
}

function has(entry: Entry, having: NonNullable<LogQuery['having']>): boolean {
  const values = searchValues(entry);
  return tagNames.every((name) => having[name] === undefined || having[name] === values[name]);
}
