import type { Readable } from 'node:stream';
import { itemInvalid } from './item-rules.ts';

/** A blob that was found. */
export interface Blob {
  readonly bytes: number;
  /** Read to its end, or destroyed, by whoever asked. It fails rather than end early. */
  readonly body: Readable;
}

/** What a listing says of a blob. */
export interface BlobEntry {
  readonly name: string;
  readonly bytes: number;
}

/** How a blob is written. */
export interface BlobWrite {
  /** Leave a blob that is there alone. */
  readonly ifAbsent?: boolean;
  /**
   * Until then, in milliseconds since 1970, what is written should stay, whoever wants it gone: a bucket with Object Lock
   * keeps this version of the blob, also beneath another one. Where nothing can see to it, it is a blob like any other.
   */
  readonly lockedUntilMs?: number;
}

/**
 * Blobs: bytes under a name, whole or not at all, until they are removed. Adapters see names and bytes as they are; what
 * must not be read is sealed before. `archiveContract` proves every promise here.
 *
 * A name is 1 to 512 characters: parts of up to 200 characters of `a-z`, `0-9`, `.`, `_` and `-` between slashes, none of
 * which begins with a dot. A blob may be named like the beginning of another one's name.
 *
 * Every method throws `Refusal`: `item_invalid` for a name or limit outside the rules, `cursor_invalid`, `store_unavailable`.
 */
export interface Archive {
  /**
   * Write the blob, or replace it. A body that fails leaves what was there before, and its error is thrown on.
   *
   * @returns `false` when `ifAbsent` found a blob; of any number that race one is `true`
   */
  put(name: string, body: Uint8Array | AsyncIterable<Uint8Array>, write?: BlobWrite): Promise<boolean>;
  /** `undefined` when there is none. */
  get(name: string): Promise<Blob | undefined>;
  /** Blobs whose names begin with `prefix`, in the order of their bytes. */
  list(page: {
    /** `''` for all; cut anywhere, not only at a slash. */
    readonly prefix: string;
    /** 1 to 1000. */
    readonly limit: number;
    readonly cursor?: string;
  }): Promise<{ readonly blobs: readonly BlobEntry[]; readonly cursor: string | undefined }>;
  /** Remove a blob; nothing when there is none. */
  remove(name: string): Promise<void>;
  close(): Promise<void>;
}

const nameCharactersMax = 512;
const part = '[a-z0-9_-][a-z0-9._-]{0,199}';
const namePattern = new RegExp(`^${part}(/${part})*$`);

/** @throws Refusal `item_invalid` for a name outside the rules */
export function checkedBlobName(name: string): string {
  if (typeof name !== 'string' || name.length > nameCharactersMax || !namePattern.test(name))
    throw itemInvalid('the name of a blob is outside the rules');
  return name;
}

/** @throws Refusal `item_invalid` for text that no name begins with */
export function checkedPrefix(prefix: string): string {
  const whole = typeof prefix === 'string' ? prefix.replace(/\/$/, '') : prefix;
  // `a/` is the beginning of names, `/` and `a//` are not.
  if (prefix !== '') checkedBlobName(whole);
  return prefix;
}
