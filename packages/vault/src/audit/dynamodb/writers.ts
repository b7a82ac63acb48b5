import { refuse } from '../../refusal.ts';
import type { Tail } from '../batch.ts';
import { bytesIn, itemAt, numberIn, textIn, type Attributes } from '../log/dynamodb/items.ts';
import type { LogTable } from '../log/dynamodb/log-table.ts';
import { newWriter } from '../tail.ts';
import { reached } from './batch-rows.ts';

// The list of journals. Each has an item that its process renews: who writes it, when that was last said, and which batch was the
// last then. A journal that was given back, or whose process has said nothing for long, goes on under the next process that
// starts, so there are about as many as there were processes at one time. `n` counts the writes of an item: whoever writes names
// the number that it follows. Being wrong about a process costs a stop and no entry, since a batch's number is given away once.

/** A journal in the list. */
export interface Writer {
  readonly writer: string;
  /** The process that writes it: a random name. */
  readonly owner: string;
  /** When that process said so, in milliseconds since 1970; 0: it gave the journal back. */
  readonly beatAtMs: number;
  /** The last batch at that time; 0: none. */
  readonly batch: number;
  readonly digest: Uint8Array;
  /** How often the item was written. */
  readonly revision: number;
}

/** The list of journals. Methods throw Refusal `audit_unavailable`. */
export interface Writers {
  all(): Promise<readonly Writer[]>;
  /** A journal that nobody has. */
  make(owner: string, atMs: number): Promise<Writer>;
  /** Make it that of `owner`. @returns `undefined`: somebody else was first */
  take(writer: Writer, owner: string, atMs: number): Promise<Writer | undefined>;
  /** Say that it is still written, or with 0 that it is no longer. @returns `undefined`: it is somebody else's */
  beat(writer: Writer, tail: Pick<Tail, 'n' | 'digest'>, atMs: number): Promise<Writer | undefined>;
}

const part = 'journals';
const writerForm = /^[0-9a-f]{32}$/;

/** The list in this table. */
export function openWriters(table: LogTable): Writers {
  const put = async (writer: Writer): Promise<Writer | undefined> => {
    const { revision } = writer;
    const there = await reached(table.put(itemOf(writer), { laterThan: revision }));
    if (there === undefined) return writer;
    const stands = writerFrom(there);
    // The answer to the first try of the same request was lost.
    return stands.owner === writer.owner && stands.revision === revision ? writer : undefined;
  };
  return {
    async all() {
      const items = await reached(table.list({ part, places: { from: '0', to: '~' } }));
      return items.map(writerFrom).filter(({ writer }) => writerForm.test(writer));
    },
    async make(owner, beatAtMs) {
      const none = { batch: 0, digest: new Uint8Array(32), revision: 1 };
      const made = await put({ writer: newWriter(), owner, beatAtMs, ...none });
      if (made === undefined) throw refuse('audit_unavailable', 'the audit journal could not be begun');
      return made;
    },
    take: (writer, owner, beatAtMs) => put({ ...writer, owner, beatAtMs, revision: writer.revision + 1 }),
    beat: (writer, { n, digest }, beatAtMs) =>
      put({ ...writer, batch: n, digest, beatAtMs, revision: writer.revision + 1 }),
  };
}

/** Whether its process has said nothing for so long, or gave it back. */
export function isSilent({ beatAtMs }: Writer, forMs: number, nowMs: number): boolean {
  return beatAtMs === 0 || nowMs - beatAtMs > forMs;
}

function itemOf({ writer, owner, beatAtMs, batch, digest, revision }: Writer): Attributes {
  return itemAt(
    { part, place: writer },
    {
      n: { N: String(revision) },
      owner: { S: owner },
      beatAtMs: { N: String(Math.floor(beatAtMs)) },
      batch: { N: String(batch) },
      digest: { B: digest },
    },
  );
}

function writerFrom(item: Attributes): Writer {
  return {
    writer: textIn(item, 'place'),
    owner: textIn(item, 'owner'),
    beatAtMs: numberIn(item, 'beatAtMs'),
    batch: numberIn(item, 'batch'),
    digest: bytesIn(item, 'digest'),
    revision: numberIn(item, 'n'),
  };
}
