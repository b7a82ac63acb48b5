import { sessionRecords } from '../store/records-on-tables.ts';
import { sqliteTables } from '../store/sqlite/tables.ts';
import type { SessionStoreConfig } from './config.ts';
import { openStore } from './open-store.ts';
import { SealedSessionStore } from './sealed-session-store.ts';

/** Sessions in a file. */
export interface SqliteSessionStoreConfig extends SessionStoreConfig {
  /** Made with mode 0600 when it is not there. */
  readonly file: string;
}

/** A session store in a SQLite file of its own, of one process or of several on one machine. */
export class SqliteSessionStore extends SealedSessionStore {
  /** @throws Refusal `store_unavailable` when the file cannot be opened */
  constructor({ file, ...config }: SqliteSessionStoreConfig) {
    const now = config.now ?? Date.now;
    const records = sessionRecords(sqliteTables({ file, now }), { now });
    super(openStore(config, { records }), config.timeoutMs);
  }
}
