import { existsSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  copyLog,
  digestOf,
  exportInvalid,
  markOf,
  placeLog,
  setLogAside,
  type FileDigest,
  type LogPlace,
  type Manifest,
} from '@sealgate/vault';
import { refuse } from '../../errors.ts';
import { formerPlace } from '../former-logs.ts';

// The sealed log travels as its files. Two that go on from one copy would sign two histories under one name, and whoever
// remembers a checkpoint of one would call the other tampered with, and be right. So it goes on elsewhere only when its source
// gave it up before the export was whole; otherwise what came in is kept beside as the log of a former instance.

/** What became of the log that an export brought. */
export type BroughtLog =
  | 'goes on here'
  | 'kept as the log of a former instance'
  | 'left: there is one already'
  | 'not in the export';

/** Where the log of a data directory lies. */
function logPlace(dataDirectory: string): LogPlace {
  return { directory: join(dataDirectory, 'audit'), rootFile: join(dataDirectory, 'audit-root.db') };
}

/** How the log is taken. */
export interface LogTaking {
  readonly dataDirectory: string;
  /** Of the export. */
  readonly directory: string;
  /** Set it aside here: it goes on where the export is brought in. */
  readonly move: boolean;
  /** Whether nobody has the log open. */
  readonly holds: boolean;
}

/**
 * Copy the log into an export.
 *
 * @throws Refusal `usage` when one that moves is open; `audit_unavailable`, `store_unavailable`
 */
export async function takeLog({
  dataDirectory,
  directory,
  move,
  holds,
}: LogTaking): Promise<Manifest['log']> {
  const to = join(directory, 'log');
  const place = logPlace(dataDirectory);
  if (move && !holds) throw refuse('usage', 'a log that moves is given up here: stop the gateway first');
  if (move && existsSync(join(to, 'root.db')) && existsSync(movedTo(dataDirectory, markOf(to)))) {
    // Given up by a run that did not come to its end. This copy is the only one, so it stays the only one.
    if (!existsSync(place.rootFile)) await setLogAside(place, movedTo(dataDirectory, markOf(to)));
    return described(to, move);
  }
  // What an interrupted run left may be older than the log.
  await rm(to, { recursive: true, force: true });
  if ((await copyLog(place, to)).length === 0) return undefined;
  if (move) await setLogAside(place, movedTo(dataDirectory, markOf(to)));
  return described(to, move);
}

/** @throws Refusal `export_invalid` when a file of the log is not what was exported */
export async function checkLog(directory: string, { log }: Pick<Manifest, 'log'>): Promise<void> {
  for (const [name, { bytes, sha256 }] of Object.entries(log?.files ?? {})) {
    const found = await digestOf(join(directory, 'log', name));
    if (found.bytes !== bytes || found.sha256 !== sha256)
      throw exportInvalid('a file of the export is not what was exported; take an unchanged copy', name);
  }
}

/** Bring the log of an export in. Its files were checked. */
export async function bringLog(
  dataDirectory: string,
  directory: string,
  { log }: Pick<Manifest, 'log'>,
): Promise<BroughtLog> {
  if (log === undefined) return 'not in the export';
  const from = join(directory, 'log');
  const place = logPlace(dataDirectory);
  if (!log.moved) {
    const former = formerPlace(dataDirectory, log.mark);
    await copyLog({ directory: from, rootFile: join(from, 'root.db') }, former.directory);
    return 'kept as the log of a former instance';
  }
  if (existsSync(place.rootFile)) return 'left: there is one already';
  await placeLog(from, place);
  return 'goes on here';
}

function movedTo(dataDirectory: string, mark: string): string {
  return join(dataDirectory, `audit-moved-${mark}`);
}

async function described(to: string, moved: boolean): Promise<Manifest['log']> {
  const files: Record<string, FileDigest> = {};
  for (const name of readdirSync(to).toSorted()) files[name] = await digestOf(join(to, name));
  return { mark: markOf(to), moved, files };
}
