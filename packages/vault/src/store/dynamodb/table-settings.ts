import type { KeySchemaElement, TableDescription } from '@aws-sdk/client-dynamodb';
import { formOf, isRestorable, madeSpec, type MadeTable } from './table-form.ts';

// What a table is, as a list of settings that people read: what the spec wants and what is there are compared line by line.

/** Settings by name, such as `index email-index`: `email (S)`. */
export type TableSettings = Readonly<Record<string, string>>;

/** What the operator decides about every table. */
export interface TableChoices {
  /** ARN of a customer's KMS key; `undefined`: a key that AWS owns. */
  readonly kmsKey?: string | undefined;
  /** Whether a table has to be unprotected before it can be deleted. */
  readonly deletionProtection: boolean;
}

/** What this DynamoDB does not know at all: DynamoDB Local knows no backups. */
export const notOffered = 'not offered';

/** What DynamoDB says of a table in three answers. */
export interface FoundTable {
  readonly description: TableDescription;
  /** Name of the attribute; `undefined`: items do not end. */
  readonly ttl: string | undefined;
  readonly backups: 'on' | 'off' | typeof notOffered;
}

/** The settings that the spec and the operator want. */
export function wantedSettings(
  table: MadeTable,
  { kmsKey, deletionProtection }: TableChoices,
): TableSettings {
  const { ttl } = madeSpec(table);
  return {
    ...formSettings(formOf(table)),
    billing: 'PAY_PER_REQUEST',
    encryption: kmsKey ?? 'key owned by AWS',
    'time to live': ttl ?? 'off',
    'point-in-time recovery': isRestorable(table) ? 'on' : 'off',
    'deletion protection': deletionProtection ? 'on' : 'off',
  };
}

/** The settings of a table that is there. */
export function foundSettings({ description, ttl, backups }: FoundTable): TableSettings {
  const { BillingModeSummary, SSEDescription, DeletionProtectionEnabled } = description;
  return {
    ...formSettings({
      ...description,
      GlobalSecondaryIndexes: description.GlobalSecondaryIndexes?.filter(
        ({ IndexStatus }) => IndexStatus !== 'DELETING',
      ),
    }),
    billing: BillingModeSummary?.BillingMode ?? 'PROVISIONED',
    encryption:
      SSEDescription?.Status === 'ENABLED' || SSEDescription?.Status === 'UPDATING'
        ? (SSEDescription.KMSMasterKeyArn ?? 'key of AWS KMS')
        : 'key owned by AWS',
    'time to live': ttl ?? 'off',
    'point-in-time recovery': backups,
    'deletion protection': DeletionProtectionEnabled === true ? 'on' : 'off',
  };
}

function formSettings({
  AttributeDefinitions = [],
  KeySchema = [],
  GlobalSecondaryIndexes = [],
}: Pick<TableDescription, 'AttributeDefinitions' | 'KeySchema' | 'GlobalSecondaryIndexes'>): TableSettings {
  const typeOf = (name: string | undefined): string =>
    AttributeDefinitions.find(({ AttributeName }) => AttributeName === name)?.AttributeType ?? '?';
  const keyText = (schema: readonly KeySchemaElement[]): string =>
    ['HASH', 'RANGE']
      .flatMap((type) => schema.filter(({ KeyType }) => KeyType === type))
      .map(({ AttributeName = '' }) => `${AttributeName} (${typeOf(AttributeName)})`)
      .join(', ');
  const indexes = GlobalSecondaryIndexes.map(({ IndexName = '', KeySchema: key = [], Projection }) => [
    `index ${IndexName}`,
    `${keyText(key)}${Projection?.ProjectionType === 'ALL' ? '' : ', not of whole items'}`,
  ]);
  return { key: keyText(KeySchema), ...(Object.fromEntries(indexes) as Record<string, string>) };
}
