// What `@sealgate/vault/dynamodb` is: tables in DynamoDB, and making them. It needs `@aws-sdk/client-dynamodb`.
export type { DynamoConnection } from './client.ts';
export { dynamoTables, type DynamoTablesOptions } from './tables.ts';
export {
  checkTables,
  createTables,
  describeTables,
  type ProvisionOptions,
  type TableDifference,
  type TablesChecked,
  type TablesCreated,
  type TableState,
} from './provision.ts';
export type { TableChoices, TableSettings } from './table-settings.ts';
