// Where the tables are, and what of that contradicts itself.
import type { Values } from './active.ts';
import { isLoopback } from './loopback.ts';

/** Tables in DynamoDB. */
export interface DynamoChoice {
  readonly type: 'dynamodb';
  readonly region: string | undefined;
  /** Put before every table name; may be empty. */
  readonly tablePrefix: string;
  /** `undefined`: that of the region. */
  readonly endpoint: string | undefined;
}

/** Where the tables are. */
export type DatabaseChoice = { readonly type: 'sqlite' } | DynamoChoice;

/** The database that the values name. */
export function databaseOf(values: Values): DatabaseChoice {
  return values.MAIN_DB_TYPE === 'sqlite' ? { type: 'sqlite' } : dynamoOf(values);
}

/** Where DynamoDB would be, whether it is chosen or not. */
export function dynamoOf(values: Values): DynamoChoice {
  return {
    type: 'dynamodb',
    region: values.DYNAMODB_REGION ?? values.AWS_REGION,
    tablePrefix: values.DYNAMODB_TABLE_PREFIX,
    endpoint: values.DYNAMODB_ENDPOINT,
  };
}

/** What stands against the database that the values name, each with what to do. */
export function databaseProblems(values: Values): string[] {
  const database = databaseOf(values);
  if (database.type === 'sqlite') return sqliteProblems(values);
  const problems = dynamoProblems(database);
  if (values.AUDIT_LOG_SECOND_FILE !== undefined)
    problems.push('AUDIT_LOG_SECOND_FILE is for a journal on disk: with MAIN_DB_TYPE=dynamodb leave it out');
  if (values.ADVERTISE_URL !== undefined && values.REDIS_URL === undefined)
    problems.unshift(
      'ADVERTISE_URL means several instances, and they need a Redis: set REDIS_URL, or leave ADVERTISE_URL out',
    );
  return problems;
}

/** What stands against a DynamoDB. */
export function dynamoProblems(database: DynamoChoice): string[] {
  const problems: string[] = [];
  if (database.region === undefined)
    problems.push('MAIN_DB_TYPE=dynamodb needs DYNAMODB_REGION or AWS_REGION');
  const endpoint = database.endpoint === undefined ? undefined : new URL(database.endpoint);
  if (endpoint?.protocol === 'http:' && !isLoopback(endpoint.hostname))
    problems.push(
      'DYNAMODB_ENDPOINT must be https unless it is on this machine: what is stored would travel in clear',
    );
  return problems;
}

function sqliteProblems({ NODE_ENV, REDIS_URL, ADVERTISE_URL }: Values): string[] {
  const why = 'means several instances, and SQLite serves one: set MAIN_DB_TYPE=dynamodb, or leave';
  if (REDIS_URL !== undefined) return [`REDIS_URL ${why} REDIS_URL out`];
  return NODE_ENV === 'production' && ADVERTISE_URL !== undefined
    ? [`ADVERTISE_URL ${why} ADVERTISE_URL out`]
    : [];
}
