import { hash } from 'node:crypto';

const leafMark = Buffer.of(0);
const nodeMark = Buffer.of(1);

/** Hash of a leaf (RFC 6962 §2.1). */
export function leafHash(leaf: Uint8Array): Buffer {
  return hash('sha256', Buffer.concat([leafMark, leaf]), 'buffer');
}

function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  return hash('sha256', Buffer.concat([nodeMark, left, right]), 'buffer');
}

/** The right edge of a tree. */
export interface Frontier {
  append(leaf: Uint8Array): void;
  size(): number;
  root(): Uint8Array;
  state(): { readonly size: number; readonly hashes: readonly Uint8Array[] };
}

/** Go on with a tree. */
export function openFrontier(from: { readonly size: number; readonly hashes: readonly Uint8Array[] }): Frontier {
  let { size } = from;
  const hashes = [...from.hashes];
  return {
    append(leaf) {
      let node = leaf;
      for (let rest = size; rest % 2 === 1; rest = (rest - 1) / 2) node = nodeHash(hashes.pop()!, node);
      hashes.push(node);
      size += 1;
    },
    size: () => size,
    root: () => hashes.reduceRight((right, left) => nodeHash(left, right)),
    state: () => ({ size, hashes: [...hashes] }),
  };
}
