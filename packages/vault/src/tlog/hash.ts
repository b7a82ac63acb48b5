import { hash } from 'node:crypto';

// The hashes of a Merkle tree (RFC 6962 §2.1): SHA-256, with 0x00 before a leaf and 0x01 before a node, so that no leaf can
// be passed off as a node.

/** Bytes of a hash. */
export const hashBytes = 32;

/** Most bytes of a leaf: what a bundle can hold (C2SP tlog-tiles, uint16 length). */
export const leafBytesMax = 65_535;

// One call with one buffer is the fastest way into SHA-256; nothing else runs between filling these and hashing them. And text
// is the fastest way out: a buffer of its own costs more than the hash.
const leafInput = Buffer.alloc(1 + leafBytesMax);
const nodeInput = Buffer.alloc(1 + 2 * hashBytes, 1);

/** The root of a tree without leaves: SHA-256 of nothing. */
export const emptyRoot: Uint8Array = hash('sha256', Buffer.alloc(0), 'buffer');

/** The hash of a leaf's bytes, at most {@link leafBytesMax}; a text stands for its UTF-8. */
export function leafHash(leaf: Uint8Array | string): Buffer {
  const length = typeof leaf === 'string' ? Buffer.byteLength(leaf) : leaf.length;
  if (length > leafBytesMax) throw new RangeError(`a leaf of ${length} bytes`);
  if (typeof leaf === 'string') leafInput.write(leaf, 1);
  else leafInput.set(leaf, 1);
  return sha256(leafInput.subarray(0, length + 1));
}

/** The hash of a node from those of its two children. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  nodeInput.set(left, 1);
  nodeInput.set(right, 1 + hashBytes);
  return sha256(nodeInput);
}

function sha256(bytes: Uint8Array): Buffer {
  return Buffer.from(hash('sha256', bytes, 'latin1'), 'latin1');
}

/** Hashes that lie side by side, as views. */
export function hashesIn(bytes: Uint8Array): Uint8Array[] {
  return Array.from({ length: bytes.length / hashBytes }, (_, i) =>
    bytes.subarray(i * hashBytes, (i + 1) * hashBytes),
  );
}

/** Whether two hashes are the same. They are public: no constant time is needed. */
export function sameHash(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && Buffer.compare(one, other) === 0;
}

/**
 * The root over hashes that lie side by side, as a tree over leaves with these hashes (RFC 6962 §2.1).
 *
 * @param hashes one after the other, at least one
 */
export function rootOver(hashes: Uint8Array): Buffer {
  let row = Buffer.from(hashes);
  while (row.length > hashBytes) {
    const pairs = Math.floor(row.length / (2 * hashBytes));
    const odd = row.subarray(pairs * 2 * hashBytes);
    for (let i = 0; i < pairs; i += 1) {
      const at = i * 2 * hashBytes;
      const node = nodeHash(
        row.subarray(at, at + hashBytes),
        row.subarray(at + hashBytes, at + 2 * hashBytes),
      );
      row.set(node, i * hashBytes);
    }
    row.set(odd, pairs * hashBytes);
    row = row.subarray(0, pairs * hashBytes + odd.length);
  }
  return row;
}
