import type { OpenCommitter } from './committer.ts';
import { appender, connect } from './journal-file.ts';

/** Commits on the calling thread, which stands still for the length of the disk's sync. */
export const openMainCommitter: OpenCommitter = async (path) => {
  const db = connect(path);
  const append = appender(db);
  return {
    commit: async (batch) => append(batch),
    close: async () => {
      if (db.isOpen) db.close();
    },
  };
};
