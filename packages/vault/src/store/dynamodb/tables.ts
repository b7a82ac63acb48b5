import { tablesOnEngine, type FillableTables, type FrontOptions } from '../tables-on-engine.ts';
import { openClient, type DynamoConnection } from './client.ts';
import { dynamoEngine } from './engine.ts';

/** Where the tables are, and how they are named. */
export interface DynamoTablesOptions extends DynamoConnection, FrontOptions {
  /** Put before every table name; `undefined`: nothing. */
  readonly tablePrefix?: string | undefined;
}

/**
 * Tables in DynamoDB. They exist already (`provisionTables`); nothing is asked until the first call.
 * An item lies there by its own attribute names, with its revision beside them.
 */
export function dynamoTables({ tablePrefix = '', ...options }: DynamoTablesOptions): FillableTables {
  return tablesOnEngine(dynamoEngine(openClient(options), tablePrefix), options);
}
