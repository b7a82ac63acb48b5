import { parentPort, workerData } from 'node:worker_threads';
import type { Batch } from './batch.ts';
import { appender, connect, foldIn, proveWritable, trimmer } from './journal-file.ts';
import type { ThreadReply } from './thread.ts';
import type { Trim } from './trim-mark.ts';

// The commit thread: takes a sealed batch, writes it, answers. It sees ciphertext only and holds no key.

/** What the thread is asked for: a batch to be written, or a mark to be trimmed to. */
export type CommitRequest = { readonly commit: Batch } | { readonly trim: Trim };

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
let trim: (trim: Trim) => void;
answer(() => {
  const db = connect(workerData as string);
  close = () => {
    foldIn(db); // a reader may outlast us, and then nobody else folds the log in
    db.close();
  };
  proveWritable(db);
  append = appender(db);
  trim = trimmer(db);
});
port.on('message', (request: CommitRequest | undefined) => {
  if (request !== undefined)
    return answer(() => ('commit' in request ? append(request.commit) : trim(request.trim)));
  close();
  port.close();
});
