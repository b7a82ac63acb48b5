import { refuse } from '../refusal.ts';
import { openTopic } from '../store/topic.ts';
import type { Bus } from '../store/bus.ts';
import type { Records, StoredRecord } from '../store/records.ts';
import type { NamesInUse } from './token-names.ts';

// Which clients' keys have to be dropped. Told on the bus, and written down for whoever does not hear it:
//
//   tokens.revoked   JSON: the last 256 of [number, blinded client], numbers rising
//
// Every instance looks there once a second. The numbers are times in ms where they can be. The bus makes it faster and is never relied on.

const recordName = 'tokens.revoked';
const keptMax = 256;
const dayMs = 24 * 60 * 60 * 1000;
const lifeMs = 7 * dayMs;
const attemptsMax = 100;
/** Revocations whose clients may have keys that were opened before; the longest life of a key, and clocks that differ. */
const lookBackMs = 360_000;

type Written = readonly (readonly [n: number, tag: string])[];

/** What one instance tells the others. */
export type News =
  | { readonly revoked: string }
  /** The record's name of a token. */
  | { readonly made: string }
  /** Mark of a token. */
  | { readonly deleted: string };

/** What is needed. */
export interface RevocationParts {
  readonly records: Records;
  /** `undefined`: everything is found by looking. */
  readonly bus: Bus | undefined;
  readonly names: NamesInUse;
  readonly now: () => number;
  /** Time between two looks. */
  readonly pollMs: number;
  /** Drop the keys of this client; `undefined`: of all. */
  readonly drop: (tag: string | undefined) => void;
  /** A token was made. @param record its record's name; `undefined`: nobody knows which */
  readonly made: (record: string | undefined) => void;
  /** A token was deleted. */
  readonly deleted: (mark: string) => void;
}

/** News between instances. */
export interface Revocations {
  /** Drop the client's keys here and everywhere. @throws Refusal `store_unavailable` when the others could not be told */
  revoke(tag: string): Promise<void>;
  /** Tell the others, who may not hear it. */
  tell(news: News): void;
  /** Look now. */
  look(): Promise<void>;
  close(): void;
}

/** Hear the others from now on. @throws Refusal `store_unavailable` */
export async function openRevocations(parts: RevocationParts): Promise<Revocations> {
  const { records, bus, names, now, pollMs, drop, made, deleted } = parts;
  const topic = bus && openTopic<News>(bus, 'tokens');
  const written = await read(records);
  let seen = newest(written);
  for (const [n, tag] of written) if (n > now() - lookBackMs) drop(tag);
  const look = async (): Promise<void> => {
    if (await names.look()) drop(undefined);
    const found = await read(records);
    const missed = found.filter(([n]) => n > seen);
    if (missed.length === keptMax) drop(undefined);
    else for (const [, tag] of missed) drop(tag);
    seen = Math.max(seen, newest(found));
  };
  const end = await topic?.hear((news) => {
    if (news === undefined) {
      // Something may have been missed: it is written down.
      look().catch(() => drop(undefined));
      made(undefined);
    } else if ('revoked' in news) drop(news.revoked);
    else if ('deleted' in news) deleted(news.deleted);
    else made(news.made);
  });
  // A store that does not answer has no tokens to give either.
  const timer = setInterval(() => void look().catch(() => undefined), pollMs).unref();
  return {
    async revoke(tag) {
      drop(tag);
      const ignored = (): void => undefined;
      await Promise.all([write(records, tag, now), topic?.tell({ revoked: tag }).catch(ignored)]);
    },
    tell: (news) => void topic?.tell(news).catch(() => undefined),
    look,
    close() {
      clearInterval(timer);
      end?.();
    },
  };
}

async function read(records: Records): Promise<Written> {
  return writtenIn(await records.get(recordName));
}

// What cannot be read was not written by us, and is written over by the next revocation.
function writtenIn(stored: StoredRecord | undefined): Written {
  try {
    const written: unknown = JSON.parse(Buffer.from(stored?.bytes ?? []).toString());
    return Array.isArray(written) && written.every(isEntry) ? written : [];
  } catch {
    return [];
  }
}

function isEntry(entry: unknown): entry is Written[number] {
  return Array.isArray(entry) && Number.isSafeInteger(entry[0]) && typeof entry[1] === 'string';
}

async function write(records: Records, tag: string, now: () => number): Promise<void> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const stored = await records.get(recordName);
    const written = writtenIn(stored);
    // By the clock, so that a store which lost its count does not begin below what others have seen.
    const n = Math.max(newest(written) + 1, now());
    const text = JSON.stringify([...written, [n, tag]].slice(-keptMax));
    const guard = stored === undefined ? ({ ifAbsent: true } as const) : { ifRevision: stored.revision };
    if ((await records.put(recordName, Buffer.from(text), { endsAtMs: now() + lifeMs, guard })) !== undefined)
      return;
  }
  throw refuse(
    'store_unavailable',
    'the revocation could not be written down',
    `${attemptsMax} attempts lost`,
  );
}

function newest(written: Written): number {
  return written.at(-1)?.[0] ?? 0;
}
