import { randomBytes } from 'node:crypto';
import { checkTables, createTables } from '@sealgate/vault/dynamodb';
import { testService } from '@sealgate/vault/testing';
import { freePort } from '../../packages/vault/src/testing/free-port.ts';

// A DynamoDB for a gateway under test: tables of its own in one that all tests share. With a Redis beside it, the stores
// that several gateways share.

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

/** What a gateway is told of stores that others could share with it. */
export interface SharedStores extends DynamoEnvironment {
  readonly REDIS_URL: string;
  readonly TOKEN_ENCRYPTION_KEY: string;
  readonly AUTH_SECRET: string;
}

type Told = Readonly<Record<string, string>>;
const made = new Map<string, Promise<Told>>();

/**
 * Where the gateway of a data directory keeps what it keeps: nothing to say, with `SEALGATE_TEST_DATABASE=dynamodb` a
 * DynamoDB, with `SEALGATE_TEST_STORES=cluster` what one gateway of several has, so that the walks can be run on each.
 */
export async function databaseOf(dataDir: string): Promise<Told> {
  const asked = onSharedStores() ? oneOfSeveral : onDynamoDb() ? makeTables : undefined;
  if (asked === undefined) return {};
  const known = made.get(dataDir) ?? asked();
  made.set(dataDir, known);
  return known;
}

/** Whether tests are to run on the stores that several gateways share. */
export function onSharedStores(): boolean {
  return process.env['SEALGATE_TEST_STORES'] === 'cluster';
}

function onDynamoDb(): boolean {
  return process.env['SEALGATE_TEST_DATABASE'] === 'dynamodb';
}

async function oneOfSeveral(): Promise<Told> {
  const [stores, port] = [await sharedStores(), await freePort()];
  return { ...stores, PORT: `${port}`, ADVERTISE_URL: `http://127.0.0.1:${port}` };
}

/** Tables that are made, a Redis, and the keys of a deployment. */
export async function sharedStores(): Promise<SharedStores & Told> {
  const redis = await testService('redis');
  if (redis === undefined) throw new Error('there is no Redis for SEALGATE_TEST_STORES');
  return {
    ...(await makeTables()),
    REDIS_URL: redis,
    TOKEN_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    AUTH_SECRET: randomBytes(48).toString('base64url'),
  };
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

async function makeTables(): Promise<DynamoEnvironment & Told> {
  const endpoint = await testService('dynamodb');
  if (endpoint === undefined) throw new Error('there is no DynamoDB for these tests');
  const env = dynamoEnvironment(endpoint);
  await createTables(connectionOf(env));
  const { differences } = await checkTables(connectionOf(env));
  if (differences.length > 0) throw new Error(`tables are not as they should be: ${differences.length}`);
  return { ...env };
}
