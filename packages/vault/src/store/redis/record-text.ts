import { refuse } from '../../refusal.ts';
import type { StoredRecord } from '../records.ts';

// What lies under a key: one text, so that reading it is one GET.
//
//   'R' · end in ms, 16 digits · revision, 20 characters · length of the owners, 5 digits · owners as JSON · bytes
//   'B' · end in ms, 16 digits                                                              (a bar)
//
// The scripts read the same places.

/** Characters of a revision: 15 random bytes in base64url. */
export const revisionCharacters = 20;
const endAt = 1;
const revisionAt = 17;
const lengthAt = revisionAt + revisionCharacters;
const ownersAt = lengthAt + 5;

/** The part of a value that says whether and until when a record stands there. */
export const headBytes = lengthAt;

/** An end as the scripts compare it. */
export function digitsOf(endsAtMs: number): string {
  return String(endsAtMs).padStart(16, '0');
}

/** The value of a record. */
export function writeRecord({ bytes, revision, endsAtMs, owners }: StoredRecord): Buffer {
  const list = owners.length === 0 ? '' : JSON.stringify(owners);
  const length = String(Buffer.byteLength(list)).padStart(5, '0');
  return Buffer.concat([Buffer.from(`R${digitsOf(endsAtMs)}${revision}${length}${list}`), bytes]);
}

/** What a script says of a record that it replaced or met. */
export interface Left {
  readonly revision: string;
  readonly owners: readonly string[];
}

/** @param reply revision and owners, as the scripts put them together; empty: nothing was there */
export function readLeft(reply: Buffer): Left | undefined {
  if (reply.length === 0) return undefined;
  return {
    revision: reply.toString('latin1', 0, revisionCharacters),
    owners: ownersIn(reply.subarray(revisionCharacters)),
  };
}

/**
 * The record in a value, ended or not; `undefined` for a bar.
 *
 * @throws Refusal `store_unavailable` for a value that nobody of us wrote
 */
export function readRecord(value: Buffer): StoredRecord | undefined {
  const { revision, endsAtMs, owners } = headIn(value);
  if (revision === undefined) return undefined;
  const length = Number(owners);
  if (!Number.isInteger(length) || value.length < ownersAt + length) throw unreadable();
  return {
    // A buffer of its own: what is read may be wiped, and does not hold all that arrived with it.
    bytes: new Uint8Array(value.subarray(ownersAt + length)),
    revision,
    endsAtMs,
    owners: length === 0 ? [] : ownersIn(value.subarray(ownersAt, ownersAt + length)),
  };
}

/** Revision and end; no revision for a bar. @throws Refusal `store_unavailable` as {@link readRecord} */
export function readHead(head: Buffer): { readonly revision: string | undefined; readonly endsAtMs: number } {
  return headIn(head);
}

// Read in one piece: a piece of its own for each part costs more than the parts.
function headIn(value: Buffer) {
  const head = value.toString('latin1', 0, ownersAt);
  const kind = head[0];
  const endsAtMs = Number(head.slice(endAt, revisionAt));
  if ((kind !== 'R' && kind !== 'B') || !Number.isSafeInteger(endsAtMs) || value.length < revisionAt)
    throw unreadable();
  return {
    revision: kind === 'B' ? undefined : head.slice(revisionAt, lengthAt),
    endsAtMs,
    owners: head.slice(lengthAt),
  };
}

function ownersIn(list: Buffer): readonly string[] {
  if (list.length === 0) return [];
  try {
    const owners: unknown = JSON.parse(list.toString());
    if (Array.isArray(owners)) return owners.map(String);
  } catch {
    throw unreadable();
  }
  throw unreadable();
}

function unreadable(): Error {
  return refuse(
    'store_unavailable',
    'a stored record cannot be read',
    'a value in Redis has not the form of a record',
  );
}
