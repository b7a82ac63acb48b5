import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { openClient, type DynamoConnection } from './client.ts';
import { asking } from './dynamodb-error.ts';
import { createTable, findTable, settle, setChoices } from './table-calls.ts';
import { madeTables, type MadeTable } from './table-form.ts';
import {
  foundSettings,
  notOffered,
  wantedSettings,
  type TableChoices,
  type TableSettings,
} from './table-settings.ts';

// Making the tables, and saying how they differ from the spec. What is there is never deleted or made anew.

/** Where the tables are, how they are named, and what the operator decides about them. */
export interface ProvisionOptions extends DynamoConnection, TableChoices {
  /** Put before every table name; `undefined`: nothing. */
  readonly tablePrefix?: string | undefined;
}

/** One table as it is. */
export interface TableState {
  readonly table: MadeTable;
  /** As DynamoDB knows it. */
  readonly name: string;
  /** `undefined`: the table is not there. */
  readonly settings: TableSettings | undefined;
}

/** One setting that is not as it should be. */
export interface TableDifference {
  /** As DynamoDB knows it. */
  readonly name: string;
  /** `table` when the whole table is missing. */
  readonly setting: string;
  readonly found: string;
  readonly wanted: string;
}

/** What {@link checkTables} found. */
export interface TablesChecked {
  readonly tables: number;
  readonly differences: readonly TableDifference[];
  /** Settings that this DynamoDB does not offer, once each. */
  readonly notOffered: readonly string[];
}

/** What {@link createTables} did. */
export interface TablesCreated extends TablesChecked {
  /** Names of the tables that were not there before. */
  readonly created: readonly string[];
}

/** Tables handled at once: AWS limits how fast tables may be made. */
const atOnce = 5;

/**
 * Every table as it is.
 *
 * @throws Refusal `store_unavailable`
 */
export function describeTables(options: ProvisionOptions): Promise<readonly TableState[]> {
  return withClient(options, (client) => describeAll(client, options));
}

/**
 * What differs from the spec and the operator's choices.
 *
 * @throws Refusal `store_unavailable`
 */
export function checkTables(options: ProvisionOptions): Promise<TablesChecked> {
  return withClient(options, async (client) => compare(await describeAll(client, options), options));
}

/**
 * Make what is missing, tables and indexes, and set what can be set on a table that is there: the end of items, backups,
 * deletion protection. Run again, it finds nothing to do. What it cannot change, it returns.
 *
 * @throws Refusal `store_unavailable`
 */
export function createTables(options: ProvisionOptions): Promise<TablesCreated> {
  return withClient(options, async (client) => {
    const made = await eachTable(async (table) => {
      const name = nameOf(options, table);
      const missing = (await findTable(client, name)) === undefined;
      if (missing) await createTable(client, table, name, options);
      await settle(client, name);
      await setChoices(client, table, name, options);
      return missing ? [name] : [];
    });
    return { created: made.flat(), ...compare(await describeAll(client, options), options) };
  });
}

function describeAll(client: DynamoDBClient, options: ProvisionOptions): Promise<readonly TableState[]> {
  return eachTable(async (table) => {
    const name = nameOf(options, table);
    const found = await findTable(client, name);
    return { table, name, settings: found === undefined ? undefined : foundSettings(found) };
  });
}

function compare(states: readonly TableState[], choices: TableChoices): TablesChecked {
  const differences: TableDifference[] = [];
  const unknown = new Set<string>();
  for (const { table, name, settings } of states) {
    if (settings === undefined) {
      differences.push({ name, setting: 'table', found: 'missing', wanted: 'there' });
      continue;
    }
    const wanted = wantedSettings(table, choices);
    for (const setting of new Set([...Object.keys(wanted), ...Object.keys(settings)])) {
      const found = settings[setting] ?? 'none';
      const want = wanted[setting] ?? 'none';
      if (found === notOffered) unknown.add(setting);
      else if (found !== want) differences.push({ name, setting, found, wanted: want });
    }
  }
  return { tables: states.length, differences, notOffered: [...unknown] };
}

function nameOf({ tablePrefix = '' }: ProvisionOptions, table: MadeTable): string {
  return `${tablePrefix}${table}`;
}

async function eachTable<V>(work: (table: MadeTable) => Promise<V>): Promise<V[]> {
  const results: V[] = [];
  for (let at = 0; at < madeTables.length; at += atOnce)
    results.push(...(await Promise.all(madeTables.slice(at, at + atOnce).map(work))));
  return results;
}

async function withClient<V>(
  connection: DynamoConnection,
  work: (client: DynamoDBClient) => Promise<V>,
): Promise<V> {
  return asking(async () => {
    const client = openClient(connection);
    try {
      return await work(client);
    } finally {
      client.destroy();
    }
  });
}
