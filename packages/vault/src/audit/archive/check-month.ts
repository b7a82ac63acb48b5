import { hash } from 'node:crypto';
import { openFindings, type Findings } from '../../audit-verify/findings.ts';
import { openShard } from '../../audit-verify/shard.ts';
import { shardFolder } from '../../audit-verify/layout.ts';
import type { LogSource } from '../../audit-verify/source.ts';
import type { Named } from '../../audit-verify/leaves.ts';
import { refuse } from '../../refusal.ts';
import type { Archive } from '../../store/archive.ts';
import type { LogIdentity } from '../log/log-source.ts';
import type { ArchivedName, ArchiveNames, LogBlobs } from './archive-names.ts';
import { readLogManifest, type ArchivedPiece, type MonthManifest } from './manifests.ts';
import { manifestBytesMax, readBlob } from './read-blob.ts';

// Before a month is dropped here, what lies in the archive is read back and examined as an auditor does it: every tree is
// computed anew from its entries, and compared with its signed checkpoint and with what the log over all logs states of it.

/** What a month is checked with. */
export interface CheckParts {
  readonly archive: Pick<Archive, 'get'>;
  readonly names: ArchiveNames;
  readonly identity: LogIdentity;
  /** What a log must have; `undefined`: what its own checkpoint says. */
  readonly stated: (origin: string) => Promise<Named | undefined>;
}

/**
 * Check what was archived of a month.
 *
 * @throws Refusal `store_unavailable` when the archive does not have all of it, exactly
 */
export async function checkMonth(parts: CheckParts, manifest: MonthManifest): Promise<void> {
  for (const log of manifest.logs) await checkLog(parts, manifest.month, log);
}

async function checkLog(
  { archive, names, identity, stated }: CheckParts,
  month: string,
  log: ArchivedName & { readonly sha256: string },
): Promise<void> {
  const blobs = names.log(month, log);
  const bytes = await readBlob(archive, blobs.manifest, manifestBytesMax);
  if (bytes === undefined || hash('sha256', bytes, 'hex') !== log.sha256) throw differs(blobs.manifest);
  const { origin, pieces, size } = readLogManifest(bytes);
  const left = new Map(pieces.map((piece) => [piece.path, piece]));
  const name = { scope: log.scope, month: log.shard };
  const source = archivedPieces(archive, blobs, left, shardFolder(name));
  const findings = openFindings();
  const named = await stated(origin);
  const shard = await openShard(name, named ?? { origin, size, root: new Uint8Array() }, {
    source,
    findings,
    vkeys: identity.vkeys,
    known: named === undefined ? [] : [{ ...named, by: 'the log over all logs' }],
    progress: undefined,
  });
  const whole = (await shard.log?.finish()) === true && shard.log?.head.size === size;
  if (!whole || findings.list().length > 0) throw differs(origin, findings);
  // Sealed bodies are no part of any tree.
  for (const piece of left.values()) await readPiece(archive, blobs, piece);
}

/** The files of the log, each found as its manifest says. @param left pieces that were not read yet */
function archivedPieces(
  archive: CheckParts['archive'],
  blobs: LogBlobs,
  left: Map<string, ArchivedPiece>,
  folder: string,
): LogSource {
  return {
    async read(path) {
      const piece = left.get(path.slice(folder.length + 1));
      if (piece === undefined) return undefined;
      left.delete(piece.path);
      return readPiece(archive, blobs, piece);
    },
  };
}

async function readPiece(
  archive: CheckParts['archive'],
  blobs: LogBlobs,
  { path, bytes, sha256 }: ArchivedPiece,
): Promise<Buffer> {
  const name = blobs.piece(path);
  const found = await readBlob(archive, name, bytes);
  if (found?.length !== bytes || hash('sha256', found, 'hex') !== sha256) throw differs(name);
  return found;
}

function differs(what: string, findings?: Findings) {
  return refuse(
    'store_unavailable',
    'the archive does not have a month of the audit log as it was written; the month stays where it was',
    `${what} ${findings?.list()[0]?.says ?? ''}`.trim(),
  );
}
