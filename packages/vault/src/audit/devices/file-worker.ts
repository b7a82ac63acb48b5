import { parentPort, workerData } from 'node:worker_threads';
import type { Batch } from '../batch.ts';
import type { ThreadReply } from '../thread.ts';
import { openLineFile, type LineFile } from './line-file.ts';

// The thread of the second device: everything that touches its volume happens here, so that a volume that hangs holds up
// nothing else. It sees ciphertext only and holds no key.

/** What the thread is asked for. */
export type FileRequest =
  { readonly append: Batch } | { readonly last: true } | { readonly from: number; readonly max: number };

const port = parentPort!;
const answer = (work: () => unknown): void => {
  let reply: ThreadReply;
  try {
    reply = { answer: work() };
  } catch (error) {
    reply = { failed: String(error) };
  }
  port.postMessage(reply);
};

let file: LineFile | undefined;
answer(() => {
  file = openLineFile(workerData as string);
});
port.on('message', (request: FileRequest | undefined) => {
  if (request === undefined) {
    file?.close();
    port.close();
    return;
  }
  answer(() => {
    if ('append' in request) return file!.append(request.append);
    return 'last' in request ? file!.last() : file!.from(request.from, request.max);
  });
});
