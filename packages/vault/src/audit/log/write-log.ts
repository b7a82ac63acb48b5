import { mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Sealer } from '../../keys/sealer.ts';
import { openBodies } from './bodies.ts';
import type { LogKeyring } from './log-keyring.ts';
import { entriesPath, tilePath, tilesAfter, tileWidth } from '../../tlog/tile-paths.ts';
import { logSource, type LogIdentity } from './log-source.ts';
import { scopePart } from './names.ts';
import { bodyLine } from '../../audit-verify/bodies.ts';
import { bodiesPath, policyPath, rootFolder, shardFolder } from '../../audit-verify/layout.ts';
import type { Period, Segments, StoredLog } from './segments.ts';

/** What a written log discloses besides what anybody may see. */
export interface Disclosure {
  /** Whose entries. */
  readonly scope: string;
  readonly sealer: Pick<Sealer, 'open'>;
  readonly keyring: LogKeyring;
}

/** How much was written. */
export interface WrittenLog {
  readonly logs: number;
  readonly files: number;
  /** Entries whose bodies were disclosed. */
  readonly bodies: number;
}

/**
 * Write the published log into a folder that is not there yet: root log, and the logs of all scopes. Nothing may be published
 * meanwhile: see {@link SealedLog.write}.
 *
 * @param disclose write the bodies of this scope's entries too, each with its salt
 * @throws Error of the file system when the folder is there; Refusal `key_shredded`, `key_disabled`, `key_unavailable`
 */
export async function writeLog(
  directory: string,
  segments: Segments,
  identity: LogIdentity,
  disclose?: Disclosure,
): Promise<WrittenLog> {
  await mkdir(directory, { mode: 0o700 });
  const source = logSource(segments, identity);
  let files = 0;
  const copy = async (path: string) => {
    const bytes = await source.read(path);
    if (bytes === undefined) throw new Error(`the audit log lacks ${path}`);
    await writeFileAt(join(directory, path), bytes);
    files += 1;
  };
  const copyLog = async (folder: string, { note, notedSize }: Pick<StoredLog, 'note' | 'notedSize'>) => {
    if (note === undefined) return;
    await writeFileAt(join(directory, folder, 'checkpoint'), Buffer.from(note));
    files += 1;
    for (const tile of tilesAfter(0, notedSize)) {
      await copy(`${folder}/${tilePath(tile)}`);
      if (tile.level === 0) await copy(`${folder}/${entriesPath(tile.index, tile.width)}`);
    }
  };
  await copy(policyPath);
  // The root log as it is now: the others may only grow meanwhile, and it must not say more than they do.
  await copyLog(rootFolder, await segments.root.head());
  let logs = 0;
  let bodies = 0;
  for (const name of await segments.periods()) {
    const period = await segments.period(name);
    for (const log of await period.logs()) {
      if (log.notedSize === 0) continue;
      const folder = shardFolder({ scope: scopePart(log.scope), month: log.shard });
      await copyLog(folder, log);
      logs += 1;
      if (disclose?.scope === log.scope)
        bodies += await writeBodies(join(directory, folder), period, log, disclose);
    }
  }
  return { logs, files, bodies };
}

async function writeBodies(
  folder: string,
  period: Period,
  log: StoredLog,
  { sealer, keyring }: Disclosure,
): Promise<number> {
  const keys = await keyring.find(log.scope);
  if (keys === undefined) return 0;
  let written = 0;
  for (let first = 0; first < log.notedSize; first += tileWidth) {
    const slices = (await period.slices(log, first, tileWidth)).filter(
      (slice) => slice.first < first + tileWidth,
    );
    const lines: string[] = [];
    for (const slice of slices) {
      const bodies = await openBodies(sealer, log, slice);
      slice.leaves.forEach((leaf, at) => {
        const ix = slice.first + at;
        const body = bodies[at]!;
        if (body === '' || ix >= log.notedSize) return;
        const { id } = JSON.parse(leaf) as { readonly id: string };
        lines.push(bodyLine(ix, keys.saltOf(id), body));
      });
    }
    if (lines.length === 0) continue;
    await writeFileAt(join(folder, bodiesPath(first / tileWidth)), Buffer.from(lines.join('')));
    written += lines.length;
  }
  return written;
}

async function writeFileAt(path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const handle = await open(path, 'wx', 0o600);
  try {
    await handle.writeFile(bytes);
  } finally {
    await handle.close();
  }
}
