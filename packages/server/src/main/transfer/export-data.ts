import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  claimDirectory,
  copyJournal,
  copyKeyring,
  digestOf,
  dropCheckpoint,
  exportTables,
  readCheckpoint,
  readManifest,
  Refusal,
  signManifest,
  writeManifest,
  type FileDigest,
  type Manifest,
  takeBlobs,
  type CopiedBlobs,
} from '@sealgate/vault';
import type { AppConfig } from '../../config.ts';
import { refuse } from '../../errors.ts';
import { openLog } from '../../log.ts';
import { openArchive } from '../archive.ts';
import { countsOf } from './counts.ts';
import { takeLog } from './log-files.ts';
import { noted, noteHere } from './noted.ts';
import { openSource, type Source, type TransferGround } from './source.ts';

/** What travels beside the tables and the journal. */
export interface ExportChoices {
  /** The keyring, too: the export alone then opens everything. */
  readonly withKeyring: boolean;
  readonly withBlobs: boolean;
  /** The sealed log goes on where this is brought in, and not here any more. */
  readonly moveLog: boolean;
}

/** What an export holds, for whoever asked. */
export interface Exported {
  readonly directory: string;
  readonly manifest: Manifest;
  /** `undefined`: they were left. */
  readonly blobs: CopiedBlobs | undefined;
}

/**
 * Write everything into a directory. Changes are refused meanwhile, and are taken again when it is done or fails; who is
 * killed leaves them refused, and whoever runs it again goes on.
 *
 * @throws Refusal `store_filled` when the directory holds an export; `usage`; those of `exportTables` and `openSource`
 */
export async function exportData(
  ground: TransferGround,
  directory: string,
  choices: ExportChoices,
): Promise<Exported> {
  const { config } = ground;
  const { withKeyring, withBlobs, moveLog } = choices;
  if (withKeyring && config.keys.provider !== 'keyring')
    throw refuse('usage', `there is no keyring to take along: KEY_PROVIDER=${config.keys.provider}`);
  const claimed = claimDirectory(directory);
  try {
    if ((await readManifest(directory)) !== undefined)
      throw new Refusal('store_filled', 'the directory holds an export already; name another one');
    const source = await openSource(ground);
    try {
      const object = [
        'tables',
        'journal',
        ...(withKeyring ? ['keyring'] : []),
        ...(withBlobs ? ['blobs'] : []),
        ...(moveLog ? ['log'] : []),
      ];
      return await noted(
        source.holds ? noteHere(ground, source) : ground.noteThere,
        { attempt: { act: 'data.export', object: object.join(), out: 'success' }, done: 'data.exported' },
        () => copy(ground, source, directory, choices),
        ({ manifest, blobs }) => countsOf(manifest, blobs),
      );
    } finally {
      await source.close();
    }
  } finally {
    claimed.release();
  }
}

async function copy(
  ground: TransferGround,
  source: Source,
  directory: string,
  choices: ExportChoices,
): Promise<Exported> {
  const { config, now, progress } = ground;
  const { tables, alone } = source;
  let freezeId: string | undefined;
  try {
    const exported = await exportTables({ source: tables, directory, now, progress, alone });
    freezeId = exported.freezeId;
    const blobs = choices.withBlobs ? await copyBlobs(config, directory) : undefined;
    const files = await takeFiles(config, directory, choices);
    const log = await takeLog({
      dataDirectory: config.dataDirectory,
      directory,
      move: choices.moveLog,
      holds: source.holds,
    });
    const manifest = signManifest(source.sealer, {
      format: 'sealgate-export-1',
      ...exported,
      source: config.database.type,
      deployment: source.sealer.deployment,
      keyProvider: config.keys.provider,
      finishedAtMs: now(),
      files,
      ...(log && { log }),
    });
    await writeManifest(directory, manifest);
    await dropCheckpoint(directory);
    return { directory, manifest, blobs };
  } finally {
    const own = freezeId ?? (await ownFreeze(source, directory));
    if (own !== undefined) await tables.thaw(own);
  }
}

// Failed on the way: what is frozen for this directory goes on.
async function ownFreeze({ tables }: Source, directory: string): Promise<string | undefined> {
  const [standing, checkpoint] = [await tables.frozen(), await readCheckpoint(directory)];
  return standing?.reason === 'export' && standing.freezeId === checkpoint?.freezeId
    ? standing.freezeId
    : undefined;
}

async function copyBlobs(config: AppConfig, directory: string): Promise<CopiedBlobs> {
  const archive = await openArchive(config, openLog('error'));
  try {
    return await takeBlobs(archive, directory);
  } finally {
    await archive.close();
  }
}

/** Journal and keyring into the directory. */
async function takeFiles(
  { dataDirectory }: AppConfig,
  directory: string,
  { withKeyring, withBlobs }: ExportChoices,
): Promise<Manifest['files']> {
  const files: Record<string, FileDigest> = {};
  const taken = async (name: keyof Manifest['files']): Promise<void> =>
    void (files[name] = await digestOf(join(directory, name)));
  // What an interrupted run left may be older than the journal.
  await rm(join(directory, 'journal.db'), { force: true });
  if (await copyJournal(join(dataDirectory, 'journal.db'), join(directory, 'journal.db')))
    await taken('journal.db');
  if (
    withKeyring &&
    (await copyKeyring(join(dataDirectory, 'keyring.json'), join(directory, 'keyring.json')))
  )
    await taken('keyring.json');
  if (withBlobs && existsSync(join(directory, 'blobs.ndjson'))) await taken('blobs.ndjson');
  return files;
}
