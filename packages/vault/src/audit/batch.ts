import { hash } from 'node:crypto';
import type { Place, Sealer } from '../keys/sealer.ts';

// One row of the journal: up to 512 entries, sealed as one record.
//
//   digest  = SHA-256( "sealgate journal 1" | prev | u16 length of head | head | payload )
//   payload = entries as JSON lines, sealed at a place that names writer, boot, batch, first entry, count and prev
//
// The digest chains the rows. It has no key, so by itself it shows accidents only; what stops somebody who can write
// the file is the seal: prev is part of the place, so a row opens behind its own predecessor and nowhere else.

/** Where a batch stands in the journal. */
export interface Head {
  /** Batch number, from 1, without gaps. */
  readonly n: number;
  /** Minted with the file: 32 hexadecimal digits. */
  readonly writer: string;
  /** Raised at every opening that finds an entry of the one before. */
  readonly boot: number;
  /** Number of the first entry, from 1, without gaps across batches. */
  readonly first: number;
  /** Entries in the batch, 1 to 512. */
  readonly count: number;
  /** Digest of the batch before; 32 zero bytes for the first. */
  readonly prev: Uint8Array;
}

/** One row. */
export interface Batch extends Head {
  readonly digest: Uint8Array;
  readonly payload: Uint8Array;
}

/** Where the next batch joins on. */
export interface Tail {
  readonly writer: string;
  readonly boot: number;
  /** Number of the last batch; 0 for an empty journal. */
  readonly n: number;
  /** Number of the next entry. */
  readonly next: number;
  readonly digest: Uint8Array;
}

const domain = Buffer.from('sealgate journal 1');

/** Digest before the first batch. */
export const noDigest: Uint8Array = new Uint8Array(32);

/** Seal lines as the batch behind `tail`. */
export async function sealBatch(sealer: Sealer, tail: Tail, lines: readonly string[]): Promise<Batch> {
  const head: Head = {
    n: tail.n + 1,
    writer: tail.writer,
    boot: tail.boot,
    first: tail.next,
    count: lines.length,
    prev: tail.digest,
  };
  const payload = await sealer.seal('journal', placeOf(head), Buffer.from(lines.join('\n')));
  return { ...head, payload, digest: digestOf(head, payload) };
}

/**
 * The lines of a batch.
 *
 * @returns `undefined` when it holds another number of lines than its head says
 * @throws Refusal `open_failed`, `record_version_unknown` when row and seal do not belong together; `key_unavailable`
 */
export async function openBatch(sealer: Sealer, batch: Batch): Promise<string[] | undefined> {
  const text = await sealer.open('journal', placeOf(batch), batch.payload);
  const lines = text.toString('utf8').split('\n');
  text.fill(0);
  return lines.length === batch.count ? lines : undefined;
}

/** What the row's digest must be. */
export function digestOf(head: Head, payload: Uint8Array): Buffer {
  const text = Buffer.from(JSON.stringify([head.n, head.writer, head.boot, head.first, head.count]));
  const length = Buffer.alloc(2);
  length.writeUInt16BE(text.length);
  // In one piece: a hash that is fed part by part costs more than the digest of a short batch.
  return hash('sha256', Buffer.concat([domain, head.prev, length, text, payload]), 'buffer');
}

/** Where the chain goes on after `batch`. */
export function tailAfter(batch: Head & { readonly digest: Uint8Array }): Tail {
  const { writer, boot, n, first, count, digest } = batch;
  return { writer, boot, n, next: first + count, digest };
}

function placeOf(head: Head): Place {
  return {
    tenant: '_system',
    subject: '',
    table: 'journal',
    record: `${head.writer}/${head.boot}/${head.n}`,
    field: `${head.first}/${head.count}/${Buffer.from(head.prev).toString('hex')}`,
    epoch: 0,
  };
}
