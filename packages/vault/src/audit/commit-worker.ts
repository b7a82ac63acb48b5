import { parentPort, workerData } from 'node:worker_threads';
import type { Batch } from './batch.ts';
import { appender, connect, proveWritable } from './journal-file.ts';
import type { ThreadReply } from './thread.ts';

// The commit thread: takes a sealed batch, writes it, answers. It sees ciphertext only and holds no key.

/** What the thread is asked for: a batch to be written. */
export type CommitRequest = Batch;

const port = parentPort!;
const answer = (work: () => void): void => {
  let reply: ThreadReply = {};
  try {
    work();
  } catch (error) {
    reply = { failed: String(error) };
  }
  port.postMessage(reply);
};

let close = (): void => undefined;
let append: (batch: Batch) => void;
answer(() => {
  const db = connect(workerData as string);
  close = () => {
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)'); // a reader may outlast us, and then nobody else folds the log in
    db.close();
  };
  proveWritable(db);
  append = appender(db);
});
port.on('message', (batch: CommitRequest | undefined) => {
  if (batch !== undefined) return answer(() => append(batch));
  close();
  port.close();
});
