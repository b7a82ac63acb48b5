import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  bringBlobs,
  checkFiles,
  claimDirectory,
  copyJournal,
  copyKeyring,
  digestOf,
  everyPage,
  exportInvalid,
  importTables,
  openSealer,
  proveExport,
  readManifest,
  type CopiedBlobs,
  type FillableTables,
  type ImportedTables,
  type Manifest,
} from '@sealgate/vault';
import { openLog } from '../../log.ts';
import { openArchive } from '../archive.ts';
import { openTables } from '../database.ts';
import { openRootKeys, openRootsThere } from '../root-keys.ts';
import { countsOf } from './counts.ts';
import { bringLog, checkLog, type BroughtLog } from './log-files.ts';
import { noteHere } from './noted.ts';
import type { TransferGround } from './source.ts';

/** What is brought in beside the tables. */
export interface ImportChoices {
  readonly withBlobs: boolean;
}

/** What came in, for whoever asked. */
export interface Imported {
  readonly manifest: Manifest;
  readonly tables: ImportedTables;
  readonly journal: 'brought in' | 'left: there is one already' | 'not in the export';
  readonly log: BroughtLog;
  readonly keyring: 'brought in' | 'was there' | 'not in the export';
  /** `undefined`: they were left. */
  readonly blobs: CopiedBlobs | undefined;
}

/**
 * Fill empty tables from an export. Everything that can be wrong with it is found out before anything is written: its
 * files, its signature, and whether the root key opens it.
 *
 * @throws Refusal `export_invalid`, `key_unavailable`, `store_filled`, `data_directory_in_use`, `store_unavailable`
 */
export async function importData(
  ground: TransferGround,
  directory: string,
  { withBlobs }: ImportChoices,
): Promise<Imported> {
  const { config, now, progress } = ground;
  const manifest = await readManifest(directory);
  if (manifest === undefined)
    throw exportInvalid('this is no export, or one that was not finished: it has no manifest', directory);
  const claimed = claimDirectory(config.dataDirectory);
  try {
    await checkFiles(directory, manifest, progress);
    await checkBeside(directory, manifest);
    await checkLog(directory, manifest);
    if (withBlobs && manifest.files['blobs.ndjson'] === undefined)
      throw exportInvalid('the export was made without blobs');
    await proveExport({
      directory,
      manifest,
      now,
      openRoots: (tables) => {
        const dataDirectory = keyringHome(ground, directory);
        return openRootsThere({ ...config, dataDirectory }, tables, now);
      },
    });
    const { tables: target } = await openTables(config.database, config.dataDirectory, now);
    try {
      const tables = await importTables({ target, directory, manifest, now, progress });
      await recheckUniques(target);
      const beside = await bringFiles(ground, directory, manifest);
      const log = await bringLog(config.dataDirectory, directory, manifest);
      const blobs = withBlobs ? await blobsInto(ground, directory) : undefined;
      await noteImport(ground, target, { manifest, blobs });
      // From here on a gateway may work on it.
      await target.thaw(manifest.mac);
      return { manifest, tables, ...beside, log, blobs };
    } finally {
      await target.close();
    }
  } finally {
    claimed.release();
  }
}

// The keys came with the data, so there is no journal to write to before; nothing works on the data until this is written.
async function noteImport(
  { config, now }: TransferGround,
  target: FillableTables,
  { manifest, blobs }: Pick<Imported, 'manifest' | 'blobs'>,
): Promise<void> {
  const { provider, opening, close } = await openRootKeys(config, target, now);
  try {
    const sealer = await openSealer({ tables: target, provider, opening, now });
    try {
      const note = noteHere({ config, now }, { tables: target, sealer });
      await note({ act: 'data.imported', object: countsOf(manifest, blobs), out: 'success' });
    } finally {
      await sealer.close();
    }
  } finally {
    await close();
  }
}

/**
 * Whoever holds a unique name has to be there.
 *
 * @throws Refusal `export_invalid` when a name leads to nobody
 */
export async function recheckUniques(tables: FillableTables): Promise<void> {
  for await (const { items } of everyPage((from) => tables.scanAll('uniques', { limit: 1000, ...from })))
    for (const { item } of items) {
      const { userId, groupId } = item;
      const person = typeof userId === 'string' ? await tables.get('users', { userId }) : item;
      const group = typeof groupId === 'string' ? await tables.get('groups', { groupId }) : item;
      if (person === undefined || group === undefined)
        throw exportInvalid('a unique name leads to somebody who is not there', 'uniques');
    }
}

// One that is there is used, and kept. That of the export counts only where a keyring is the root key: whoever keeps the root
// key elsewhere must not be brought data by a keyring that came along with it.
function keyringHome({ config: { dataDirectory, keys } }: TransferGround, directory: string): string {
  const there = existsSync(join(dataDirectory, 'keyring.json'));
  return there || keys.provider !== 'keyring' ? dataDirectory : directory;
}

async function checkBeside(directory: string, { files }: Manifest): Promise<void> {
  for (const [name, { bytes, sha256 }] of Object.entries(files)) {
    const found = await digestOf(join(directory, name));
    if (found.bytes !== bytes || found.sha256 !== sha256)
      throw exportInvalid('a file of the export is not what was exported; take an unchanged copy', name);
  }
}

async function bringFiles(
  { config: { dataDirectory, keys } }: TransferGround,
  directory: string,
  { files }: Manifest,
): Promise<Pick<Imported, 'journal' | 'keyring'>> {
  const keyringThere = existsSync(join(dataDirectory, 'keyring.json'));
  const brings = keys.provider === 'keyring' && !keyringThere && files['keyring.json'] !== undefined;
  if (brings) await copyKeyring(join(directory, 'keyring.json'), join(dataDirectory, 'keyring.json'));
  const journal = join(dataDirectory, 'journal.db');
  const journalThere = existsSync(journal);
  if (!journalThere && files['journal.db'] !== undefined)
    await copyJournal(join(directory, 'journal.db'), journal);
  return {
    journal:
      files['journal.db'] === undefined
        ? 'not in the export'
        : journalThere
          ? 'left: there is one already'
          : 'brought in',
    keyring: brings ? 'brought in' : keyringThere ? 'was there' : 'not in the export',
  };
}

async function blobsInto({ config }: TransferGround, directory: string): Promise<CopiedBlobs> {
  const archive = await openArchive(config, openLog('error'));
  try {
    return await bringBlobs(directory, archive);
  } finally {
    await archive.close();
  }
}
