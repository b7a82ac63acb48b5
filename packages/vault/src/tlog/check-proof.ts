import { isCount } from './count.ts';
import { emptyRoot, hashBytes, nodeHash, sameHash } from './hash.ts';

// What a proof proves (RFC 9162 §2.1.3.2 and §2.1.4.2, which RFC 6962 leaves to the reader). Numbers pass 2^32, so halves and
// remainders instead of shifts.

/** A proof that an entry is in a tree. */
export interface Inclusion {
  readonly index: number;
  readonly size: number;
  readonly leafHash: Uint8Array;
  readonly root: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/** Whether the entry is there. */
export function verifyInclusion({ index, size, leafHash, root, proof }: Inclusion): boolean {
  if (!isCount(index) || !isCount(size) || index >= size || !areHashes([leafHash, root, ...proof]))
    return false;
  let [at, last] = [index, size - 1];
  let hash = leafHash;
  for (const beside of proof) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      hash = nodeHash(beside, hash);
      while (at % 2 === 0 && at !== 0) [at, last] = [half(at), half(last)];
    } else hash = nodeHash(hash, beside);
    [at, last] = [half(at), half(last)];
  }
  return last === 0 && sameHash(hash, root);
}

/** A proof that one tree is the beginning of another. */
export interface Consistency {
  readonly oldSize: number;
  readonly oldRoot: Uint8Array;
  readonly newSize: number;
  readonly newRoot: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/** Whether nothing of the old tree was changed or left out. Everything begins with a tree without leaves. */
export function verifyConsistency({ oldSize, oldRoot, newSize, newRoot, proof }: Consistency): boolean {
  if (!isCount(oldSize) || !isCount(newSize) || oldSize > newSize) return false;
  if (!areHashes([oldRoot, newRoot, ...proof])) return false;
  if (newSize === 0 && !sameHash(newRoot, emptyRoot)) return false;
  if (oldSize === 0) return proof.length === 0 && sameHash(oldRoot, emptyRoot);
  if (oldSize === newSize) return proof.length === 0 && sameHash(oldRoot, newRoot);
  let [at, last] = [oldSize - 1, newSize - 1];
  while (at % 2 === 1) [at, last] = [half(at), half(last)];
  // When the old tree is one complete subtree, its root is what the path begins with.
  const path = at === 0 ? [oldRoot, ...proof] : proof;
  const [first, ...rest] = path;
  if (first === undefined) return false;
  let [oldHash, newHash] = [first, first];
  for (const beside of rest) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      oldHash = nodeHash(beside, oldHash);
      newHash = nodeHash(beside, newHash);
      while (at % 2 === 0 && at !== 0) [at, last] = [half(at), half(last)];
    } else newHash = nodeHash(newHash, beside);
    [at, last] = [half(at), half(last)];
  }
  return last === 0 && sameHash(oldHash, oldRoot) && sameHash(newHash, newRoot);
}

function half(value: number): number {
  return Math.floor(value / 2);
}

function areHashes(all: readonly Uint8Array[]): boolean {
  return all.every(({ length }) => length === hashBytes);
}
