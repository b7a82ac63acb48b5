import { secondChance } from '../keys/second-chance.ts';

// Tokens that were deleted, by their tags. Nothing makes one come back but somebody who writes the store behind our back; an
// instance that has heard of the deletion refuses it. Their seal ends them in any case.

const keptMax = 10_000;
const tagBytes = 16;

/** Deleted tokens that this instance knows of. */
export interface DeletedTokens {
  /** @param mark of {@link markOf} */
  add(mark: string): void;
  has(bytes: Uint8Array): boolean;
}

/** What one sealed token is known by: its tag, without which it does not open. */
export function markOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.subarray(-tagBytes)).toString('base64url');
}

/** None yet; of the last 10,000 each is remembered. */
export function deletedTokens(): DeletedTokens {
  const marks = secondChance<true>(keptMax, () => undefined);
  return {
    add: (mark) => marks.set(mark, true),
    has: (bytes) => marks.size > 0 && marks.get(markOf(bytes)) !== undefined,
  };
}
