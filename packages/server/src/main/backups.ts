import type { BackupNote, StorageNote } from '@sealgate/vault';

// What a receipt of destroyed keys says of copies that the gateway cannot reach. It says what is known and what is not: a
// copy of the key rows opens for whoever has the root key as well (`root-backups.ts`), for as long as both are there.

/** Point-in-time recovery reaches back so far at most; a table may be set to less. */
const recoveryMs = 35 * 24 * 3600_000;
const keyRows = 'the wrapped keys, and what was sealed under them; opens with the root key';

/** What is done in `main.db`. */
export const sqliteStorage: StorageNote = {
  store: 'sqlite',
  done: 'removed; every page that had held it overwritten; the write-ahead log emptied',
};

/** Where else rows of `main.db` may lie. */
export const sqliteBackups: readonly BackupNote[] = [
  { where: 'copies of main.db, and snapshots of its disk', holds: keyRows, until: 'you destroy them' },
];

/** What is done in DynamoDB. */
export const dynamoStorage: StorageNote = { store: 'dynamodb', done: 'removed' };

/** Where else rows of DynamoDB may lie. @param restorable tables with point-in-time recovery, as DynamoDB knows them */
export function dynamoBackups(restorable: readonly string[], nowMs: number): readonly BackupNote[] {
  const until = new Date(nowMs + recoveryMs).toISOString();
  return [
    ...restorable.map((name) => ({
      where: `point-in-time recovery of the table ${name}`,
      holds: keyRows,
      until,
    })),
    {
      where: 'on-demand backups of the tables, AWS Backup, exports to S3 and streams, if you have any',
      holds: keyRows,
      until: 'you delete them',
    },
  ];
}

/** Copies that any store may have. */
export const everyBackup: readonly BackupNote[] = [
  { where: 'directories that sealgate export has written', holds: keyRows, until: 'you destroy them' },
];

/** What Redis keeps on its own disk. */
export const redisBackup: BackupNote = {
  where: 'RDB and AOF files of Redis, and copies of them',
  holds: 'sealed sessions and tokens, and no key',
  until: 'Redis writes them anew; copies until you destroy them',
};
