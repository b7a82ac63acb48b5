import { hash } from 'node:crypto';
import type { Value } from '../tables.ts';

// What a copy is compared by: how many rows there are, and the XOR of the SHA-256 of each row's canonical JSON, which
// comes out the same in whatever order a store hands its rows out. It finds accidents; against whoever edits an export
// stand the digests of its files, under a signature.

/** How many rows, and their digest in hex. */
export interface Tally {
  readonly rows: number;
  readonly digest: string;
}

const digestBytes = 32;

/** JSON of one form: names in order, no space. What two stores hold of the same item is the same text. */
export function canonicalJson(value: Value): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value as { readonly [name: string]: Value })
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member)}`);
  return `{${members.join(',')}}`;
}

/** Counts rows, from the beginning or on from where another count stood. */
export function openTally(start?: Tally): { add(canonical: string): void; read(): Tally } {
  let rows = start?.rows ?? 0;
  const sum = Buffer.alloc(digestBytes);
  if (start !== undefined) sum.write(start.digest, 'hex');
  return {
    add(canonical) {
      rows += 1;
      const digest = hash('sha256', canonical, 'buffer');
      for (let at = 0; at < digestBytes; at += 1) sum[at] = (sum[at] ?? 0) ^ (digest[at] ?? 0);
    },
    read: () => ({ rows, digest: sum.toString('hex') }),
  };
}

/** Whether two counts are of the same rows. */
export function sameTally(one: Tally, other: Tally): boolean {
  return one.rows === other.rows && one.digest === other.digest;
}
