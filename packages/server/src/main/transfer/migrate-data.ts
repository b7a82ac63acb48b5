import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  checkFiles,
  claimDirectory,
  compareTables,
  exportTables,
  frozen,
  importTables,
  readManifest,
  signManifest,
  sqliteTables,
  writeManifest,
  type FillableTables,
  type Freeze,
  type ImportedTables,
  type Manifest,
} from '@sealgate/vault';
import { dynamoProblems, type AppConfig, type DatabaseChoice } from '../../config.ts';
import { refuse } from '../../errors.ts';
import { openTables } from '../database.ts';
import { recheckUniques } from './import-data.ts';
import { inWords, openSource, type Source, type TransferGround } from './source.ts';

// The tables go through files in DATA_DIR to the other kind of database. Journal, keyring and blobs stay where they are. The
// source stays frozen from the first step on, and says at the end where the data went, so an instance that was
// forgotten cannot go on writing to it. Every step may be the last of a run: the next run goes on behind it.

/** What became of it, and what to do now. */
export interface Migrated {
  readonly manifest: Manifest;
  /** `undefined`: an earlier run had brought them in. */
  readonly tables: ImportedTables | undefined;
  /** Variables that the gateway needs from now on. */
  readonly settings: Readonly<Record<string, string>>;
  /** Where an older `main.db`, from which the data had moved once, lies now; `undefined`: there was none. */
  readonly setAside: string | undefined;
}

/** A freeze that was ended; `undefined`: there was none. */
export interface Released {
  readonly freeze: Freeze | undefined;
}

/**
 * Move the tables to the other kind of database.
 *
 * @throws Refusal `usage` when they lie there already; `config_invalid`; `store_filled` when the target holds data; those of
 *   `exportTables`, `importTables` and `openSource`
 */
export async function migrateData(ground: TransferGround, kind: DatabaseChoice['type']): Promise<Migrated> {
  const { config } = ground;
  const choice = targetOf(config, kind);
  const directory = join(config.dataDirectory, 'migration');
  const claimed = claimDirectory(directory);
  try {
    const source = await openSource(ground);
    try {
      const manifest = await copied(ground, source, directory);
      await checkFiles(directory, manifest, ground.progress);
      const setAside = kind === 'sqlite' ? await setOldAside(config, ground.now) : undefined;
      const { tables: target } = await openTables(choice, config.dataDirectory, ground.now);
      try {
        const tables = await moved({ ...ground, source, directory, manifest, target, choice });
        return { manifest, tables, settings: settingsOf(choice), setAside };
      } finally {
        await target.close();
      }
    } finally {
      await source.close();
    }
  } finally {
    claimed.release();
    if (!existsSync(join(directory, 'checkpoint.json'))) await rm(directory, { recursive: true });
  }
}

/** End the freeze of the configured tables. @throws Refusal `store_frozen` when an import filled only part of them */
export async function releaseData({
  config,
  now,
}: Pick<TransferGround, 'config' | 'now'>): Promise<Released> {
  const { tables } = await openTables(config.database, config.dataDirectory, now);
  try {
    const freeze = await tables.frozen();
    if (freeze === undefined) return { freeze };
    if (freeze.reason === 'import') throw frozen(freeze);
    await tables.thaw(freeze.freezeId);
    return { freeze };
  } finally {
    await tables.close();
  }
}

function targetOf({ database, dynamodb }: AppConfig, kind: DatabaseChoice['type']): DatabaseChoice {
  if (database.type === kind)
    throw refuse(
      'usage',
      `the tables are in ${inWords(database)} already: MAIN_DB_TYPE names where they are now`,
    );
  if (kind === 'sqlite') return { type: 'sqlite' };
  const problems = dynamoProblems(dynamodb);
  if (problems.length > 0) throw refuse('config_invalid', problems.join('\n'));
  return dynamodb;
}

// The files of an earlier run are good as long as its freeze stands.
async function copied(ground: TransferGround, source: Source, directory: string): Promise<Manifest> {
  const { config, now, progress } = ground;
  const { tables, sealer, alone } = source;
  const [standing, known] = [await tables.frozen(), await readManifest(directory)];
  if (known !== undefined && known.freezeId === standing?.freezeId) return known;
  await rm(join(directory, 'manifest.json'), { force: true });
  const exported = await exportTables({ source: tables, directory, now, progress, alone });
  const manifest = signManifest(sealer, {
    format: 'sealgate-export-1',
    ...exported,
    source: config.database.type,
    deployment: sealer.deployment,
    keyProvider: config.keys.provider,
    finishedAtMs: now(),
    files: {},
  });
  await writeManifest(directory, manifest);
  return manifest;
}

interface Move extends TransferGround {
  readonly source: Source;
  readonly directory: string;
  readonly manifest: Manifest;
  readonly target: FillableTables;
  readonly choice: DatabaseChoice;
}

async function moved(move: Move): Promise<ImportedTables | undefined> {
  const { source, directory, manifest, target, choice, now, progress } = move;
  const standing = await source.tables.frozen();
  const turned = standing?.reason === 'moved';
  const parts = { directory, manifest, now, progress };
  let tables: ImportedTables | undefined;
  if (!turned) {
    tables = await importTables({ target, ...parts });
    await recheckUniques(target);
    // Once more what is there: nobody may have written behind the freeze.
    await compareTables({ target: source.tables, ...parts }, manifest.frozenAtMs);
    const to = inWords(choice);
    const { freezeId, frozenAtMs: sinceMs } = manifest;
    if (!(await source.tables.freeze({ reason: 'moved', freezeId, sinceMs, to })))
      throw refuse('internal', 'the freeze of the source is gone');
  }
  await target.thaw(manifest.mac);
  // The last trace of the way: without it the directory goes.
  await rm(join(directory, 'checkpoint.json'), { force: true });
  return tables;
}

// What the data moved from once is kept, under another name, to make room for what comes back.
async function setOldAside({ dataDirectory }: AppConfig, now: () => number): Promise<string | undefined> {
  const file = join(dataDirectory, 'main.db');
  if (!existsSync(file)) return undefined;
  const tables = sqliteTables({ file, now });
  try {
    if ((await tables.frozen())?.reason !== 'moved') return undefined;
    tables.truncateLog();
  } finally {
    await tables.close();
  }
  const aside = `${file}.moved-${new Date(now()).toISOString().replaceAll(/[:.]/g, '-')}`;
  await rename(file, aside);
  return aside;
}

function settingsOf(choice: DatabaseChoice): Record<string, string> {
  if (choice.type === 'sqlite') return { MAIN_DB_TYPE: 'sqlite' };
  const { region, tablePrefix, endpoint } = choice;
  return {
    MAIN_DB_TYPE: 'dynamodb',
    ...(region === undefined ? {} : { DYNAMODB_REGION: region }),
    ...(tablePrefix === '' ? {} : { DYNAMODB_TABLE_PREFIX: tablePrefix }),
    ...(endpoint === undefined ? {} : { DYNAMODB_ENDPOINT: endpoint }),
  };
}
