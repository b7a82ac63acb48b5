import { createHmac, type KeyObject } from 'node:crypto';
import { pathToFileURL } from 'node:url';
import { anchorsPath, bodiesPath } from '../../packages/vault/src/audit-verify/layout.ts';
import type { LogSource } from '../../packages/vault/src/audit-verify/source.ts';
import { readEntries } from '../../packages/vault/src/tlog/bundle.ts';
import { hashBytes } from '../../packages/vault/src/tlog/hash.ts';
import { inclusionProof } from '../../packages/vault/src/tlog/prove.ts';
import type { ReadTile } from '../../packages/vault/src/tlog/subtrees.ts';
import { entriesPath, tilePath, tileWidth, widthOf } from '../../packages/vault/src/tlog/tile-paths.ts';
import { parseVkey } from '../../packages/vault/src/tlog/vkey.ts';
import { programFile } from './programs.ts';

// The part of @sigstore/verify that npm checks provenance with: a checkpoint's signature, and that an entry is in the tree. It
// has no public name of its own, so the version is pinned.

interface Entry {
  readonly canonicalizedBody: Uint8Array;
  readonly inclusionProof: {
    readonly checkpoint: { readonly envelope: string };
    readonly logIndex: string;
    readonly hashes: readonly Uint8Array[];
  };
}

interface Authority {
  readonly logID: Uint8Array;
  readonly baseURL: string;
  readonly publicKey: KeyObject;
}

interface SigstoreCheckpoint {
  readonly logSize: bigint;
}

interface SigstoreTlog {
  verifyCheckpoint(entry: Pick<Entry, 'inclusionProof'>, tlogs: readonly Authority[]): SigstoreCheckpoint;
  verifyMerkleInclusion(entry: Entry, checkpoint: SigstoreCheckpoint): void;
}

async function load(): Promise<SigstoreTlog> {
  const parts = [programFile('sigstoreCheckpoint'), programFile('sigstoreMerkle')];
  const [checkpoint, merkle] = await Promise.all(parts.map((file) => import(pathToFileURL(file).href)));
  return { ...checkpoint, ...merkle } as SigstoreTlog;
}

/** One log, and what a judge goes by. */
export interface SigstoreCase {
  readonly source: LogSource;
  readonly folder: string;
  readonly vkey: string;
  /** Checkpoints that were noted elsewhere, of any log; those beside the log are taken anyway. */
  readonly noted?: readonly string[];
}

/**
 * Have it check one log: the checkpoint, and each entry with the proof that its tiles give, under that checkpoint and under each one
 * that was noted elsewhere. Where a body is disclosed the entry that is shown commits to that one.
 *
 * @returns how many entries it accepted
 * @throws Error when it refuses one
 */
export async function sigstoreAccepts(given: SigstoreCase): Promise<number> {
  const { source, folder, vkey } = given;
  const { verifyCheckpoint, verifyMerkleInclusion } = await load();
  const { name, id, publicKey } = parseVkey(vkey);
  const authority = { logID: Buffer.from(id, 'hex'), baseURL: `https://${name}`, publicKey };
  const signed = (envelope: string): SigstoreCheckpoint =>
    verifyCheckpoint({ inclusionProof: { checkpoint: { envelope }, logIndex: '0', hashes: [] } }, [
      authority,
    ]);
  const envelope = await textAt(source, `${folder}/checkpoint`);
  const size = Number(signed(envelope).logSize);
  const checkpoints = [envelope, ...(await notedOf(given, envelope))];
  const tileOf = tilesUpTo(source, folder, size);
  const leafOf = openLeaves(source, folder);
  for (const checkpoint of checkpoints) {
    const head = signed(checkpoint);
    for (let index = 0; index < Number(head.logSize); index += 1) {
      // Of a log that is shorter than it was, the best that there is.
      const hashes = await inclusionProof(
        Math.min(index, size - 1),
        Math.min(Number(head.logSize), size),
        tileOf,
      );
      const inclusion = { checkpoint: { envelope: checkpoint }, logIndex: String(index), hashes };
      verifyMerkleInclusion({ canonicalizedBody: await leafOf(index), inclusionProof: inclusion }, head);
    }
  }
  return size;
}

async function textAt(source: LogSource, path: string): Promise<string> {
  return String(await source.read(path, 1_000_000));
}

async function notedOf({ source, noted = [] }: SigstoreCase, checkpoint: string): Promise<readonly string[]> {
  const beside = (await textAt(source, anchorsPath)).split('\n').filter((line) => line.startsWith('"'));
  const all = [...noted, ...beside.map((line) => JSON.parse(line) as string)];
  const origin = checkpoint.slice(0, checkpoint.indexOf('\n') + 1);
  return all.filter((note) => note.startsWith(origin));
}

/** Tiles of a log of this size, also those that it had when it was smaller. */
function tilesUpTo(source: LogSource, folder: string, size: number): ReadTile {
  return async ({ level, index, width }) => {
    const whole = widthOf(index, Math.floor(size / tileWidth ** level));
    const bytes = await source.read(`${folder}/${tilePath({ level, index, width: whole })}`, 1_000_000);
    return bytes?.subarray(0, width * hashBytes);
  };
}

/** Entries as they are, or with the commitment to the body that is disclosed of them; nothing where there is none. */
function openLeaves(source: LogSource, folder: string): (index: number) => Promise<Uint8Array> {
  const bundles = new Map<number, Promise<readonly Uint8Array[]>>();
  const read = async (bundle: number): Promise<readonly Uint8Array[]> => {
    const size = await sizeOf(source, folder);
    const path = `${folder}/${entriesPath(bundle, widthOf(bundle, size))}`;
    const entries = readEntries((await source.read(path, 100_000_000)) ?? new Uint8Array());
    const bodies = (await source.read(`${folder}/${bodiesPath(bundle)}`, 100_000_000)) ?? new Uint8Array();
    for (const line of Buffer.from(bodies).toString().split('\n').slice(0, -1)) {
      const { ix, salt, body } = JSON.parse(line) as { ix: number; salt: string; body: string };
      const entry = entries[ix % tileWidth];
      if (entry === undefined) continue;
      const leaf = JSON.parse(Buffer.from(entry).toString()) as Record<string, unknown>;
      const c = createHmac('sha256', Buffer.from(salt, 'base64url')).update(body).digest('base64url');
      entries[ix % tileWidth] = Buffer.from(JSON.stringify({ ...leaf, c }));
    }
    return entries;
  };
  return async (index) => {
    const bundle = Math.floor(index / tileWidth);
    const entries = bundles.get(bundle) ?? read(bundle);
    bundles.set(bundle, entries);
    return (await entries)[index % tileWidth] ?? new Uint8Array();
  };
}

async function sizeOf(source: LogSource, folder: string): Promise<number> {
  return Number((await textAt(source, `${folder}/checkpoint`)).split('\n')[1]);
}
