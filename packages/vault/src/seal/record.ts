import { refuse } from '../refusal.ts';
import type { Suite } from './data-key.ts';
import { openFailed, tagBytes } from './gcm.ts';
import { kinds, type KindName } from './kinds.ts';
import { nonceBytes } from './suites.ts';

// A sealed record, byte by byte:
//    0  1  format, 0xE1           20  2  length of the wrapped key  } only when
//    1  1  suite                  22  n  wrapped key                } bit 0 of flags
//    2  1  kind                    …     nonce: 24 bytes under suite 1, 12 under suite 2
//    3  1  flags                   …     ciphertext, as long as the plaintext
//    4 16  id of the key         end 16  tag
// Whether a record carries a wrapped key follows from its kind, so there is one way to write each record.
const format = 0xe1;

/** Bytes of the header: format, suite, kind, flags, id of the key. */
const headerBytes = 20;
/** Bytes of a key's id. */
export const keyIdBytes = 16;

const kindNames = new Map<number, KindName>();
for (const [name, { code }] of Object.entries(kinds)) kindNames.set(code, name as KindName);

/** What a record says of itself before it is opened. Nothing of it is proven until it opens. The bytes are views into the record. */
export interface ParsedRecord {
  readonly suite: Suite;
  readonly kind: KindName;
  /** 16 bytes: {@link DataKey.id} of the key that sealed it. */
  readonly dataKeyId: Uint8Array;
  /** The wrapped form of the record's own key; `undefined` for kinds that are sealed under a shared one. */
  readonly wrapped: Uint8Array | undefined;
  /** Where the nonce begins. */
  readonly nonceAt: number;
}

/** The header of records under one key; the kind is filled in by {@link setKind}. */
export function headerFor(suite: Suite, keyId: Uint8Array): Buffer {
  const header = Buffer.alloc(headerBytes);
  header[0] = format;
  header[1] = suite;
  header.set(keyId, 4);
  return header;
}

/** Makes it the header of a record of this kind. */
export function setKind(header: Buffer, kind: KindName): void {
  header[2] = kinds[kind].code;
  header[3] = Number(kinds[kind].ownKey);
}

/**
 * Read the outside of a record, to find the key that opens it.
 *
 * @throws Refusal `open_failed` when it cannot be a sealed record, `record_version_unknown` for another format byte
 */
export function parseRecord(sealed: Uint8Array): ParsedRecord {
  const [version, suite, code, flags] = sealed;
  if (version !== undefined && version !== format) throw versionUnknown(version);
  if (sealed.length < headerBytes) throw openFailed('shorter than a header');
  const kind = kindNames.get(code!);
  if (suite !== 1 && suite !== 2) throw openFailed('unknown suite');
  if (kind === undefined) throw openFailed('unknown kind');
  if (flags !== Number(kinds[kind].ownKey)) throw openFailed('flags that do not belong to the kind');
  const nonceAt = headerBytes + (flags === 1 ? 2 + wrappedLength(sealed) : 0);
  if (sealed.length < nonceAt + nonceBytes[suite] + tagBytes) throw openFailed('shorter than its parts');
  return {
    suite,
    kind,
    dataKeyId: sealed.subarray(4, headerBytes),
    wrapped: flags === 1 ? sealed.subarray(headerBytes + 2, nonceAt) : undefined,
    nonceAt,
  };
}

function wrappedLength(sealed: Uint8Array): number {
  if (sealed.length < headerBytes + 2) throw openFailed('shorter than a wrapped key');
  return (sealed[headerBytes]! << 8) | sealed[headerBytes + 1]!;
}

function versionUnknown(version: number) {
  const name = `0x${version.toString(16).toUpperCase().padStart(2, '0')}`;
  return refuse('record_version_unknown', `sealed records of version ${name} are not known to this release`);
}
