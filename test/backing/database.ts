import { randomBytes } from 'node:crypto';
import { checkTables, createTables } from '@sealgate/vault/dynamodb';
import { testService } from '@sealgate/vault/testing';

// A DynamoDB for a gateway under test: tables of its own in one that all tests share.

/** What a gateway is told of it. */
export interface DynamoEnvironment {
  readonly MAIN_DB_TYPE: 'dynamodb';
  readonly DYNAMODB_ENDPOINT: string;
  readonly DYNAMODB_REGION: string;
  readonly DYNAMODB_TABLE_PREFIX: string;
  readonly AWS_ACCESS_KEY_ID: string;
  readonly AWS_SECRET_ACCESS_KEY: string;
}

/** An environment with a prefix that nobody else has; the tables are not made yet. */
export function dynamoEnvironment(endpoint: string): DynamoEnvironment {
  return {
    MAIN_DB_TYPE: 'dynamodb',
    DYNAMODB_ENDPOINT: endpoint,
    DYNAMODB_REGION: 'eu-central-1',
    DYNAMODB_TABLE_PREFIX: `e${randomBytes(6).toString('hex')}-`,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  };
}

const made = new Map<string, Promise<DynamoEnvironment>>();

/**
 * Where the gateway of a data directory keeps its tables: nothing to say, or with `SEALGATE_TEST_DATABASE=dynamodb` a
 * DynamoDB, so that the walks can be run on both.
 */
export async function databaseOf(dataDir: string): Promise<DynamoEnvironment | Record<string, never>> {
  if (process.env['SEALGATE_TEST_DATABASE'] !== 'dynamodb') return {};
  const known = made.get(dataDir) ?? makeTables();
  made.set(dataDir, known);
  return known;
}

/** Where the tables of an environment are, as the vault's adapter takes it. */
export function connectionOf(env: DynamoEnvironment) {
  return {
    endpoint: env.DYNAMODB_ENDPOINT,
    region: env.DYNAMODB_REGION,
    tablePrefix: env.DYNAMODB_TABLE_PREFIX,
    credentials: { accessKeyId: env.AWS_ACCESS_KEY_ID, secretAccessKey: env.AWS_SECRET_ACCESS_KEY },
    deletionProtection: false,
  };
}

async function makeTables(): Promise<DynamoEnvironment> {
  const endpoint = await testService('dynamodb');
  if (endpoint === undefined) throw new Error('there is no DynamoDB for SEALGATE_TEST_DATABASE');
  const env = dynamoEnvironment(endpoint);
  await createTables(connectionOf(env));
  const { differences } = await checkTables(connectionOf(env));
  if (differences.length > 0) throw new Error(`tables are not as they should be: ${differences.length}`);
  return env;
}
