import { refuse } from '../refusal.ts';
import { verifyInclusion } from './check-proof.ts';
import { openCheckpoint, type Checkpoint } from './checkpoint.ts';
import { hashBytes, leafHash } from './hash.ts';
import { fromBase64, fromDecimal, toBase64 } from './strict-text.ts';

// A proof in one text that needs no network (C2SP tlog-proof): index, inclusion proof and signed checkpoint.

const header = 'c2sp.org/tlog-proof@v1';

/** What the text holds. */
export interface TlogProof {
  readonly index: number;
  readonly proof: readonly Uint8Array[];
  /** The signed note. */
  readonly checkpoint: string;
}

/** The text. */
export function tlogProof({ index, proof, checkpoint }: TlogProof): string {
  return [header, `index ${index}`, ...proof.map(toBase64), '', checkpoint].join('\n');
}

/** @throws Refusal `log_invalid` when this is no such text. Extra data, which nobody signs, is left out. */
export function parseTlogProof(text: string): TlogProof {
  const end = text.indexOf('\n\n');
  const [first, ...lines] = text.slice(0, Math.max(end, 0)).split('\n');
  if (lines[0]?.startsWith('extra ') === true && fromBase64(lines[0].slice(6)) !== undefined) lines.shift();
  const [where, ...encoded] = lines;
  const index = where?.startsWith('index ') === true ? fromDecimal(where.slice(6)) : undefined;
  const proof = encoded.map(fromBase64).filter((bytes) => bytes?.length === hashBytes);
  if (first !== header || index === undefined || proof.length !== encoded.length)
    throw refuse('log_invalid', 'this is no proof of a log entry');
  return { index, proof: proof as Buffer[], checkpoint: text.slice(end + 2) };
}

/**
 * Check that an entry is in a log.
 *
 * @param leaf the entry's bytes
 * @param trusted the log it should be in, and the keys that may speak for it
 * @returns where it stands, and the state of the log that says so
 * @throws Refusal `log_invalid` when it does not follow
 */
export function openTlogProof(
  text: string,
  leaf: Uint8Array,
  trusted: { readonly origin: string; readonly vkeys: readonly string[] },
): { readonly index: number; readonly checkpoint: Checkpoint } {
  const { index, proof, checkpoint: note } = parseTlogProof(text);
  const checkpoint = openCheckpoint(note, trusted);
  if (!verifyInclusion({ ...checkpoint, index, leafHash: leafHash(leaf), proof }))
    throw refuse('log_invalid', 'the entry is not where the proof says');
  return { index, checkpoint };
}
