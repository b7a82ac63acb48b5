// What `@sealgate/vault/dynamodb` is: tables in DynamoDB and making them, sessions, the audit journal and the sealed log there. It needs `@aws-sdk/client-dynamodb`.
export { openDynamoJournal, type DynamoJournalOptions, type JournalTimes } from './audit/dynamodb/journal.ts';
export { dynamoSegments, type DynamoSegmentsOptions } from './audit/log/dynamodb/segments.ts';
export type { DynamoConnection } from './store/dynamodb/client.ts';
export { dynamoTables, type DynamoTablesOptions } from './store/dynamodb/tables.ts';
export {
  checkTables,
  createTables,
  describeTables,
  type ProvisionOptions,
  type TableDifference,
  type TablesChecked,
  type TablesCreated,
  type TableState,
} from './store/dynamodb/provision.ts';
export type { TableChoices, TableSettings } from './store/dynamodb/table-settings.ts';
export { oneTableRecords, type OneTableOptions } from './store/dynamodb/one-table-records.ts';
export { DynamoDBSessionStore, type DynamoDBSessionStoreConfig } from './sessions/dynamodb.ts';
export type { EncryptedSessionRecord, EncryptionResult, Version1Options } from './sessions/version1.ts';
