import type { KeyObject } from 'node:crypto';
import { pathToFileURL } from 'node:url';
import { readBundle, readTile } from '../../packages/vault/src/audit-verify/log-parts.ts';
import type { LogSource } from '../../packages/vault/src/audit-verify/source.ts';
import { inclusionProof } from '../../packages/vault/src/tlog/prove.ts';
import { widthOf } from '../../packages/vault/src/tlog/tile-paths.ts';
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

/**
 * Have it check one log: the checkpoint, and each entry with the proof that its tiles give.
 *
 * @returns how many entries it accepted
 * @throws Error when it refuses one, or a part is missing
 */
export async function sigstoreAccepts(source: LogSource, folder: string, vkey: string): Promise<number> {
  const { verifyCheckpoint, verifyMerkleInclusion } = await load();
  const { name, id, publicKey } = parseVkey(vkey);
  const envelope = String(await source.read(`${folder}/checkpoint`, 1_000_000));
  const checkpoint = { envelope };
  const authority = { logID: Buffer.from(id, 'hex'), baseURL: `https://${name}`, publicKey };
  const claim = { inclusionProof: { checkpoint, logIndex: '0', hashes: [] } };
  const signed = verifyCheckpoint(claim, [authority]);
  const size = Number(signed.logSize);
  const tileOf = async (tile: Parameters<typeof readTile>[2]) =>
    (await readTile(source, folder, tile)) || undefined;
  for (let index = 0; index < size; index += 1) {
    const bundle = Math.floor(index / 256);
    const entries = await readBundle(source, folder, { index: bundle, width: widthOf(bundle, size) });
    if (entries === undefined || entries === false) throw new Error(`no bundle ${bundle}`);
    const hashes = await inclusionProof(index, size, tileOf);
    const entry = {
      canonicalizedBody: entries[index % 256]!,
      inclusionProof: { checkpoint, logIndex: String(index), hashes },
    };
    verifyMerkleInclusion(entry, signed);
  }
  return size;
}
