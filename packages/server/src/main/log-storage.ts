import { join } from 'node:path';
import { sqliteSegments, type Segments } from '@sealgate/vault';
import type { DatabaseChoice } from '../config.ts';
import { openDynamoAdapter } from './database.ts';

/** Where the sealed log lies. */
export interface LogStorage {
  readonly segments: Segments;
  /** Its files, where another thread may open them as well. */
  readonly files: { readonly directory: string; readonly rootFile: string } | undefined;
}

/**
 * Open it: beside the tables on DynamoDB, or in `DATA_DIR/audit/` and `DATA_DIR/audit-root.db`.
 *
 * @throws Refusal `store_unavailable`; `config_invalid` when the adapter's package is not installed
 */
export async function openLogStorage(
  database: DatabaseChoice,
  dataDirectory: string,
  now: () => number,
): Promise<LogStorage> {
  if (database.type === 'dynamodb') {
    const { dynamoSegments } = await openDynamoAdapter();
    return { segments: dynamoSegments({ ...database, now }), files: undefined };
  }
  const files = { directory: join(dataDirectory, 'audit'), rootFile: join(dataDirectory, 'audit-root.db') };
  const segments = sqliteSegments(files);
  return { segments, files: segments.shared ? files : undefined };
}
