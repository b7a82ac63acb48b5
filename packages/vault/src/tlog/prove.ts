import { isCount } from './count.ts';
import { openSubtrees, type ReadTile } from './subtrees.ts';

// Proofs as RFC 6962 §2.1.1 and §2.1.2 define them, built from tiles.

/**
 * That entry `index` is in the tree of `size` leaves: the hashes from the leaf's sibling up to the root's child.
 *
 * @throws Refusal `log_invalid` when a tile is missing or has the wrong length
 * @throws RangeError when there is no such entry
 */
export async function inclusionProof(index: number, size: number, readTile: ReadTile): Promise<Buffer[]> {
  if (!isCount(index) || !isCount(size) || index >= size)
    throw new RangeError(`entry ${index} of a tree of ${size} leaves`);
  const { rootOf } = openSubtrees(size, readTile);
  const path = async (from: number, to: number): Promise<Buffer[]> => {
    if (to - from === 1) return [];
    const middle = from + split(to - from);
    return index < middle
      ? [...(await path(from, middle)), await rootOf(middle, to)]
      : [...(await path(middle, to)), await rootOf(from, middle)];
  };
  return path(0, size);
}

/**
 * That the tree of `oldSize` leaves is the beginning of the one of `newSize`. Empty when they are the same, or the old one
 * had no leaf.
 *
 * @param readTile tiles of the tree of `newSize`
 * @throws Refusal `log_invalid` when a tile is missing or has the wrong length
 * @throws RangeError when the new one is smaller
 */
export async function consistencyProof(
  oldSize: number,
  newSize: number,
  readTile: ReadTile,
): Promise<Buffer[]> {
  if (!isCount(oldSize) || !isCount(newSize) || oldSize > newSize)
    throw new RangeError(`a tree of ${newSize} leaves as what became of one of ${oldSize}`);
  if (oldSize === 0) return [];
  const { rootOf } = openSubtrees(newSize, readTile);
  /** @param known whether the verifier has the root over these leaves already: it is the old root */
  const below = async (from: number, to: number, known: boolean): Promise<Buffer[]> => {
    if (oldSize === to) return known ? [] : [await rootOf(from, to)];
    const middle = from + split(to - from);
    return oldSize <= middle
      ? [...(await below(from, middle, known)), await rootOf(middle, to)]
      : [...(await below(middle, to, false)), await rootOf(from, middle)];
  };
  return below(0, newSize, true);
}

/** The largest power of 2 that is smaller than a length of 2 or more. */
function split(length: number): number {
  let power = 1;
  while (power * 2 < length) power *= 2;
  return power;
}
