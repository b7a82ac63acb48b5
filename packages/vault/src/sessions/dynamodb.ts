import { openClient, type DynamoConnection } from '../store/dynamodb/client.ts';
import { oneTableRecords } from '../store/dynamodb/one-table-records.ts';
import { besideRecords } from './beside-records.ts';
import { rulesOf, type SessionStoreConfig } from './config.ts';
import { openStore } from './open-store.ts';
import { SealedSessionStore } from './sealed-session-store.ts';
import { version1Records } from './version1-records.ts';
import type { Version1Options } from './version1.ts';

/** Sessions in DynamoDB. */
export interface DynamoDBSessionStoreConfig extends SessionStoreConfig, DynamoConnection {
  /** A table whose partition key is `sessionId` (text), with nothing beside it; `mcp-gateway-sessions` when not given. */
  readonly tableName?: string | undefined;
  /**
   * Rows of version 1 in the same table: read, and moved into sealed records when they are saved. With `generate`,
   * sessions are written as version 1, for as long as processes that know nothing else read them.
   */
  readonly version1?: Version1Options | undefined;
}

/** A session store in one table of DynamoDB; its attribute `ttl` (Unix seconds) is what the table may delete by. */
export class DynamoDBSessionStore extends SealedSessionStore {
  /** Asks for nothing yet: what is wrong with table or credentials reaches the first call. */
  constructor({
    tableName: TableName = 'mcp-gateway-sessions',
    version1,
    ...config
  }: DynamoDBSessionStoreConfig) {
    const { now, userOf } = rulesOf(config);
    const client = openClient(config);
    const records = oneTableRecords({ client, TableName, key: 'sessionId', now });
    const opened = { records, close: async () => client.destroy() };
    if (version1 === undefined) super(openStore(config, opened), config.timeoutMs);
    else {
      const earlier = version1Records({ client, TableName, now, userOf }, version1);
      const beside = (sealed: typeof records) =>
        version1.generate === undefined ? besideRecords(sealed, earlier) : besideRecords(earlier, sealed);
      super(openStore(config, { ...opened, beside }), config.timeoutMs);
    }
  }
}
