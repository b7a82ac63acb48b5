import type { Archive } from '../../store/archive.ts';
import { archiveNames } from './archive-names.ts';
import { readBlob } from './read-blob.ts';
import { keptUntilMs } from './retention.ts';

// Whoever holds the signing key can write another log, but not one that agrees with a checkpoint which lies where they cannot
// write. So the checkpoint over all logs goes elsewhere, again and again. What one of them covers cannot be changed unseen;
// what came after the last one can, and that is the exposure.
//
//   audit/<log>/anchors/2026-11-22t15-00-00.000z   the signed note, never replaced; locked where the bucket can lock

const noteBytesMax = 1_000_000;
const newestRead = 10;
const exportedMax = 100;
const readAtOnce = 16;

/** Anchors of a log among the blobs. All methods throw Refusal `store_unavailable`. */
export interface BlobAnchors {
  /** Put a signed checkpoint there. @returns false when one of that millisecond was there */
  put(note: string, atMs: number): Promise<boolean>;
  /** The last ones, as signed, the newest last. They are not checked: whoever may write there can have put them. */
  newest(): Promise<readonly string[]>;
  /** The last one of each month, and a hundred of the newest, the newest last; not checked either. */
  some(): Promise<readonly string[]>;
}

/** @param deployment what strangers know the log by */
export function blobAnchors(archive: Archive, deployment: string): BlobAnchors {
  const { anchors } = archiveNames(deployment);
  const notesOf = async (names: readonly string[]): Promise<readonly string[]> => {
    const notes: string[] = [];
    for (let at = 0; at < names.length; at += readAtOnce) {
      const bytes = await Promise.all(
        names.slice(at, at + readAtOnce).map((name) => readBlob(archive, name, noteBytesMax)),
      );
      notes.push(...bytes.flatMap((each) => (each === undefined ? [] : [each.toString('utf8')])));
    }
    return notes;
  };
  return {
    put: (note, atMs) =>
      archive.put(anchors + nameOf(atMs), Buffer.from(note), {
        ifAbsent: true,
        lockedUntilMs: keptUntilMs('extended', atMs),
      }),
    newest: async () => notesOf((await namesIn(archive, anchors)).slice(-newestRead)),
    async some() {
      const names = await namesIn(archive, anchors);
      // Of names in their order the last one of each month is what stays.
      const ofMonths = new Map(names.map((name) => [name.slice(anchors.length, anchors.length + 7), name]));
      return notesOf([...new Set([...ofMonths.values(), ...names.slice(-exportedMax)])].sort());
    },
  };
}

function nameOf(atMs: number): string {
  return new Date(atMs).toISOString().toLowerCase().replaceAll(':', '-');
}

async function namesIn(archive: Archive, prefix: string): Promise<readonly string[]> {
  const names: string[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await archive.list({ prefix, limit: 1000, ...(cursor === undefined ? {} : { cursor }) });
    names.push(...page.blobs.map(({ name }) => name));
    cursor = page.cursor;
    if (cursor === undefined) return names;
  }
}
