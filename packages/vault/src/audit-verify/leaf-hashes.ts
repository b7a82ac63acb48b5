import { hashesIn, leafHash } from '../tlog/hash.ts';
import { entriesPath, widthOf } from '../tlog/tile-paths.ts';
import type { Finding } from './findings.ts';
import { readBundle, readTile } from './log-parts.ts';
import type { LogSource } from './source.ts';

/** What is walked. */
export interface WalkParts {
  readonly source: LogSource;
  readonly folder: string;
  /** The size that the log's checkpoint says. */
  readonly size: number;
  /** Told what is wrong; the log's name is added by whoever listens. */
  readonly see: (finding: Omit<Finding, 'log'>) => void;
  /** Told of each bundle once, in order; `entries` are `undefined` when the bundle is missing or wrong. */
  readonly onBundle: (index: number, entries: readonly Uint8Array[] | undefined) => Promise<void>;
}

/** The hashes of a log's leaves, of one bundle after the other. */
export interface LeafHashes {
  /** @returns `undefined` when neither the entries nor their hashes are there */
  of(bundle: number): Promise<readonly Uint8Array[] | undefined>;
  /** Let go of the bundle that is held: it can be read again. */
  rest(): void;
}

/** Computed from the entries. Where these are missing the tile's are taken: they still tell whether the others are right. */
export function openLeafHashes({ source, folder, size, see, onBundle }: WalkParts): LeafHashes {
  let held: { readonly index: number; readonly hashes: readonly Uint8Array[] | undefined } | undefined;
  let told = -1;
  async function tell(index: number, entries: Awaited<ReturnType<typeof readBundle>>): Promise<void> {
    if (told >= index) return;
    told = index;
    const path = `${folder}/${entriesPath(index, widthOf(index, size))}`;
    if (entries === undefined) see({ state: 'incomplete', path, says: 'entries of the log are missing' });
    if (entries === false)
      see({ state: 'tampered', path, says: 'a bundle does not hold the entries it should' });
    await onBundle(index, entries === false ? undefined : entries);
  }
  async function load(index: number): Promise<readonly Uint8Array[] | undefined> {
    const width = widthOf(index, size);
    const entries = await readBundle(source, folder, { index, width });
    await tell(index, entries);
    if (entries !== undefined && entries !== false) return entries.map(leafHash);
    const tile = await readTile(source, folder, { level: 0, index, width });
    if (tile === undefined || tile === false) return undefined;
    return hashesIn(tile);
  }
  return {
    async of(index) {
      if (held?.index !== index) held = { index, hashes: await load(index) };
      return held.hashes;
    },
    rest() {
      held = undefined;
    },
  };
}
