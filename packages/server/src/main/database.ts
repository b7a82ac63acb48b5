import { join } from 'node:path';
import {
  frozen,
  sqliteTables,
  type BackupNote,
  type FillableTables,
  type StorageNote,
  type TableName,
} from '@sealgate/vault';
import type { TableChoices, TablesChecked, TablesCreated, TableState } from '@sealgate/vault/dynamodb';
import type { DatabaseChoice, DynamoChoice } from '../config.ts';
import { refuse } from '../errors.ts';
import { loadAdapter } from './adapter.ts';
import { dynamoBackups, dynamoStorage, sqliteBackups, sqliteStorage } from './backups.ts';

/** What an examination of the database found; `advice` when something is wrong. */
export interface DatabaseState {
  readonly message: string;
  readonly advice: string | undefined;
}

/** What a store says after rows were removed from it for good. */
export interface Forgotten {
  readonly storage: StorageNote;
  readonly backups: readonly BackupNote[];
}

/** The tables that the configuration chose. */
export interface Database {
  readonly tables: FillableTables;
  /** Leave nothing of what was removed from these tables, and say where copies may lie. @throws Refusal `store_unavailable` */
  forget(names: readonly TableName[]): Promise<Forgotten>;
  /** @throws Refusal `store_unavailable` */
  examine(): Promise<DatabaseState>;
}

/** Making and comparing the tables of a database that has to be told to. Methods throw Refusal `store_unavailable`. */
export interface Provisioning {
  create(choices: TableChoices): Promise<TablesCreated>;
  describe(choices: TableChoices): Promise<readonly TableState[]>;
  check(choices: TableChoices): Promise<TablesChecked>;
}

/**
 * Open the tables to work on them. While a copy of them is made that is allowed, though most writes are refused.
 *
 * @throws Refusal `store_frozen` when the data has moved, or is not whole yet; those of {@link openTables}
 */
export async function openDatabase(
  choice: DatabaseChoice,
  dataDirectory: string,
  now: () => number,
): Promise<Database> {
  const database = await openTables(choice, dataDirectory, now);
  try {
    const freeze = await database.tables.frozen();
    if (freeze !== undefined && freeze.reason !== 'export') throw frozen(freeze);
    return database;
  } catch (error) {
    await database.tables.close();
    throw error;
  }
}

/**
 * Open the tables, frozen or not. The adapter of DynamoDB is loaded only when it is chosen.
 *
 * @throws Refusal `store_unavailable`, `config_invalid` when its package is not installed
 */
export async function openTables(
  choice: DatabaseChoice,
  dataDirectory: string,
  now: () => number,
): Promise<Database> {
  if (choice.type === 'sqlite') return openFile(join(dataDirectory, 'main.db'), now);
  const { checkTables, dynamoTables } = await adapter();
  const tables = dynamoTables({ ...choice, now });
  return {
    tables,
    forget: (names) => forgetInDynamo(choice, names, now),
    async examine() {
      // How tables are encrypted and protected is the operator's choice; that they fit is ours.
      const { differences, tables: count } = await checkTables({ ...choice, deletionProtection: true });
      const standing = await frozenState(tables);
      if (standing !== undefined) return standing;
      const wrong = differences.filter(({ setting }) =>
        /^(?:table|key|index .*|time to live)$/.test(setting),
      );
      if (wrong.length === 0) return { message: `DynamoDB, ${count} tables`, advice: undefined };
      const named = wrong.slice(0, 5).map(({ name, setting, found }) => `${name}: ${setting} ${found}`);
      return { message: `DynamoDB, ${named.join('; ')}`, advice: 'sealgate tables create' };
    },
  };
}

/** @throws Refusal `config_invalid` when the tables make themselves, or the adapter's package is not installed */
export async function openProvisioning(choice: DatabaseChoice): Promise<Provisioning> {
  if (choice.type === 'sqlite')
    throw refuse('config_invalid', 'SQLite makes its tables by itself; this is for MAIN_DB_TYPE=dynamodb');
  const { checkTables, createTables, describeTables } = await adapter();
  const at = (choices: TableChoices): DynamoChoice & TableChoices => ({ ...choice, ...choices });
  return {
    create: (choices) => createTables(at(choices)),
    describe: (choices) => describeTables(at(choices)),
    check: (choices) => checkTables(at(choices)),
  };
}

function adapter() {
  const needs = { setting: 'MAIN_DB_TYPE=dynamodb', package: '@aws-sdk/client-dynamodb' };
  return loadAdapter(() => import('@sealgate/vault/dynamodb'), needs);
}

function openFile(file: string, now: () => number): Database {
  const tables = sqliteTables({ file, now });
  return {
    tables,
    async forget(names) {
      await tables.scrub(names);
      return { storage: sqliteStorage, backups: sqliteBackups };
    },
    async examine() {
      const standing = await frozenState(tables);
      if (standing !== undefined) return standing;
      const said = tables.quickCheck();
      return said === 'ok'
        ? { message: 'quick_check: ok', advice: undefined }
        : { message: `quick_check: ${said.slice(0, 200)}`, advice: 'stop the gateway and restore a backup' };
    },
  };
}

async function frozenState(tables: FillableTables): Promise<DatabaseState | undefined> {
  const freeze = await tables.frozen();
  if (freeze === undefined) return undefined;
  return {
    message: `frozen by a copy since ${new Date(freeze.sinceMs).toISOString()}; changes are refused`,
    advice: 'run sealgate export or migrate again to finish it, or end it: sealgate migrate --release',
  };
}

async function forgetInDynamo(
  choice: DynamoChoice,
  names: readonly TableName[],
  now: () => number,
): Promise<Forgotten> {
  const { describeTables } = await adapter();
  const states = await describeTables({ ...choice, deletionProtection: true });
  const touched = states.filter(({ table }) => names.some((name) => name === table));
  const restorable = touched.filter(({ settings }) => settings?.['point-in-time recovery'] === 'on');
  return {
    storage: dynamoStorage,
    backups: dynamoBackups(
      restorable.map(({ name }) => name),
      now(),
    ),
  };
}
