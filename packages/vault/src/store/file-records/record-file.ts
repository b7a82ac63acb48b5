import { hash } from 'node:crypto';
import { refuse } from '../../refusal.ts';
import type { StoredRecord } from '../records.ts';

// A file for each name: a line of JSON, and the bytes. Its own name is a digest, so that any text can be a name and none
// leads out of the directory.

/** What stands in a file: a record or a bar. */
export interface Held {
  readonly name: string;
  readonly endsAtMs: number;
  /** `undefined`: a bar. */
  readonly record: StoredRecord | undefined;
}

/** The file of a name, and the folder among 256 that it lies in. */
export function fileOf(name: string): { readonly folder: string; readonly file: string } {
  const digest = hash('sha256', name);
  return { folder: digest.slice(0, 2), file: digest };
}

/** Whether a file can be one of ours, finished. */
export function isRecordFile(file: string): boolean {
  return /^[0-9a-f]{64}$/.test(file);
}

/** The content of the file. */
export function writeHeld({ name, endsAtMs, record }: Held): Uint8Array {
  const { revision, owners, bytes } = record ?? {};
  const line = JSON.stringify({ name, endsAtMs, revision, owners });
  return Buffer.concat([Buffer.from(`${line}\n`), bytes ?? Buffer.alloc(0)]);
}

/** @throws Refusal `store_unavailable` for a content that nobody of us wrote, or that was moved from another file */
export function readHeld(file: string, content: Buffer): Held {
  const end = content.indexOf('\n');
  const { name, endsAtMs, revision, owners } = parsed(content.toString('utf8', 0, Math.max(end, 0)));
  if (typeof name !== 'string' || fileOf(name).file !== file || !Number.isSafeInteger(endsAtMs))
    throw unreadable(file);
  const ends = Number(endsAtMs);
  if (revision === undefined && owners === undefined) return { name, endsAtMs: ends, record: undefined };
  if (typeof revision !== 'string' || !Array.isArray(owners)) throw unreadable(file);
  // A buffer of its own: what is read may be wiped.
  const bytes = new Uint8Array(content.subarray(end + 1));
  return { name, endsAtMs: ends, record: { bytes, revision, endsAtMs: ends, owners: owners.map(String) } };
}

function parsed(line: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}

function unreadable(file: string): Error {
  return refuse(
    'store_unavailable',
    'a stored record cannot be read',
    `${file} has not the form of a record`,
  );
}
