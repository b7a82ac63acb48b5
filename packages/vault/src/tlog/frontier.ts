import { isCount } from './count.ts';
import { emptyRoot, hashBytes, nodeHash } from './hash.ts';

// The right edge of a growing tree: the roots of its complete subtrees, one for each bit of its size. It is all that is needed
// to append and to know the root.

/** What a {@link Frontier} goes on from. */
export interface FrontierState {
  /** Leaves of the tree. */
  readonly size: number;
  /** Roots of its complete subtrees, from left to right: the largest first, one for each bit of the size that is set. */
  readonly hashes: readonly Uint8Array[];
}

/** The edge of one tree. */
export interface Frontier {
  /**
   * @param leafHash the hash of the next leaf
   * @param completed told of each subtree of 2^height leaves that this leaf completes, the smallest first; not of the leaf
   */
  append(leafHash: Uint8Array, completed?: (height: number, root: Buffer) => void): void;
  size(): number;
  /** The root of the tree as it is now. */
  root(): Uint8Array;
  /** A copy to go on from. */
  state(): FrontierState;
}

/**
 * Go on with a tree.
 *
 * @throws RangeError when there is not one hash of 32 bytes for each set bit of the size
 */
export function openFrontier(from: FrontierState = { size: 0, hashes: [] }): Frontier {
  const hashes: Buffer[] = from.hashes.map((each) => Buffer.from(each));
  let size = from.size;
  if (hashes.length !== setBits(size) || hashes.some(({ length }) => length !== hashBytes))
    throw new RangeError(`a tree of ${size} leaves does not have these ${hashes.length} subtrees`);
  return {
    append(leafHash, completed) {
      let root: Buffer = Buffer.from(leafHash);
      let height = 0;
      for (let rest = size; rest % 2 === 1; rest = (rest - 1) / 2) {
        root = nodeHash(hashes.pop()!, root);
        height += 1;
        completed?.(height, root);
      }
      hashes.push(root);
      size += 1;
    },
    size: () => size,
    root() {
      let root = hashes.at(-1);
      if (root === undefined) return Buffer.from(emptyRoot);
      for (let i = hashes.length - 2; i >= 0; i -= 1) root = nodeHash(hashes[i]!, root);
      return Buffer.from(root);
    },
    state: () => ({ size, hashes: hashes.map((each) => Buffer.from(each)) }),
  };
}

/** How many bits of a size are set. Sizes pass 2^32, so no bit operators. */
function setBits(size: number): number {
  if (!isCount(size)) throw new RangeError(`a tree of ${String(size)} leaves`);
  let count = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2;
  return count;
}
