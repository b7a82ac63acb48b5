import { setTimeout as sleep } from 'node:timers/promises';
import {
  CreateTableCommand,
  DescribeContinuousBackupsCommand,
  DescribeTableCommand,
  DescribeTimeToLiveCommand,
  ResourceInUseException,
  ResourceNotFoundException,
  UpdateContinuousBackupsCommand,
  UpdateTableCommand,
  UpdateTimeToLiveCommand,
  type DynamoDBClient,
  type TableDescription,
} from '@aws-sdk/client-dynamodb';
import { refuse } from '../../refusal.ts';
import { formOf, isRestorable, madeSpec, type MadeTable } from './table-form.ts';
import { notOffered, type FoundTable, type TableChoices } from './table-settings.ts';

// Calls about one table. Each may be repeated: what is so already stays so.

const settleMsMax = 10 * 60_000;
const lookEveryMs = 500;

/** What is there under the name; `undefined`: nothing. @throws errors of the SDK */
export async function findTable(client: DynamoDBClient, TableName: string): Promise<FoundTable | undefined> {
  const description = await describe(client, TableName);
  if (description === undefined) return undefined;
  const { TimeToLiveDescription } = await client.send(new DescribeTimeToLiveCommand({ TableName }));
  const ends = (TimeToLiveDescription?.TimeToLiveStatus ?? '').startsWith('ENABL');
  return {
    description,
    ttl: ends ? TimeToLiveDescription?.AttributeName : undefined,
    backups: await backupsOf(client, TableName),
  };
}

/** Ask for a table with its key, indexes and encryption. @throws errors of the SDK */
export async function createTable(
  client: DynamoDBClient,
  table: MadeTable,
  TableName: string,
  { kmsKey, deletionProtection }: TableChoices,
): Promise<void> {
  const encryption =
    kmsKey === undefined
      ? {}
      : { SSESpecification: { Enabled: true, SSEType: 'KMS' as const, KMSMasterKeyId: kmsKey } };
  const input = {
    TableName,
    ...formOf(table),
    DeletionProtectionEnabled: deletionProtection,
    ...encryption,
  };
  try {
    await client.send(new CreateTableCommand(input));
  } catch (error) {
    // Its answer was lost and the request repeated, or somebody else makes the tables, too.
    if (!(error instanceof ResourceInUseException)) throw error;
  }
}

/** Wait until the table and its indexes can be used. @throws Refusal `store_unavailable` after ten minutes */
export async function settle(client: DynamoDBClient, TableName: string): Promise<TableDescription> {
  for (let waitedMs = 0; waitedMs < settleMsMax; waitedMs += lookEveryMs) {
    const description = await describe(client, TableName);
    const indexes = description?.GlobalSecondaryIndexes ?? [];
    if (description?.TableStatus === 'ACTIVE' && indexes.every(({ IndexStatus }) => IndexStatus === 'ACTIVE'))
      return description;
    await sleep(lookEveryMs);
  }
  throw refuse('store_unavailable', 'a table of the database is not ready', `${TableName} after 10 minutes`);
}

/** Add missing indexes, and set the end of items, backups and deletion protection. @throws errors of the SDK */
export async function setChoices(
  client: DynamoDBClient,
  table: MadeTable,
  TableName: string,
  { deletionProtection }: TableChoices,
): Promise<void> {
  await addIndexes(client, table, TableName);
  const found = await findTable(client, TableName);
  const { ttl } = madeSpec(table);
  if (ttl !== undefined && found?.ttl === undefined) {
    const TimeToLiveSpecification = { Enabled: true, AttributeName: ttl };
    await unlessSo(() => client.send(new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification })));
  }
  if ((found?.description.DeletionProtectionEnabled ?? false) !== deletionProtection) {
    await unlessSo(() =>
      client.send(new UpdateTableCommand({ TableName, DeletionProtectionEnabled: deletionProtection })),
    );
    await settle(client, TableName);
  }
  const wanted = isRestorable(table) ? 'on' : 'off';
  if (found?.backups === notOffered || found?.backups === wanted) return;
  const PointInTimeRecoverySpecification = { PointInTimeRecoveryEnabled: wanted === 'on' };
  await unlessSo(() =>
    client.send(new UpdateContinuousBackupsCommand({ TableName, PointInTimeRecoverySpecification })),
  );
}

// DynamoDB makes one index of a table at a time.
async function addIndexes(client: DynamoDBClient, table: MadeTable, TableName: string): Promise<void> {
  const { GlobalSecondaryIndexes = [], AttributeDefinitions } = formOf(table);
  for (const index of GlobalSecondaryIndexes) {
    const { GlobalSecondaryIndexes: there = [] } = await settle(client, TableName);
    if (there.some(({ IndexName }) => IndexName === index.IndexName)) continue;
    const names = new Set(index.KeySchema?.map(({ AttributeName }) => AttributeName));
    const input = {
      TableName,
      AttributeDefinitions: AttributeDefinitions?.filter(({ AttributeName }) => names.has(AttributeName)),
      GlobalSecondaryIndexUpdates: [{ Create: index }],
    };
    await unlessSo(() => client.send(new UpdateTableCommand(input)));
    await settle(client, TableName);
  }
}

// Somebody else makes the tables, too, or the answer to the same request was lost. What is not as it should be after
// all is told by the comparison that follows.
async function unlessSo(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const so = error instanceof Error && /already (?:enabled|exists)/.test(error.message);
    if (!so && !(error instanceof ResourceInUseException)) throw error;
  }
}

async function describe(client: DynamoDBClient, TableName: string): Promise<TableDescription | undefined> {
  try {
    return (await client.send(new DescribeTableCommand({ TableName }))).Table;
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return undefined;
    throw error;
  }
}

async function backupsOf(client: DynamoDBClient, TableName: string): Promise<FoundTable['backups']> {
  try {
    const { ContinuousBackupsDescription } = await client.send(
      new DescribeContinuousBackupsCommand({ TableName }),
    );
    const state = ContinuousBackupsDescription?.PointInTimeRecoveryDescription?.PointInTimeRecoveryStatus;
    return state === 'ENABLED' ? 'on' : 'off';
  } catch (error) {
    if (error instanceof Error && error.name === 'UnknownOperationException') return notOffered;
    throw error;
  }
}
