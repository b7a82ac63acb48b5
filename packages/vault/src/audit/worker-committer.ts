import type { Batch } from './batch.ts';
import type { CommitRequest } from './commit-worker.ts';
import type { OpenCommitter } from './committer.ts';
import { openThread } from './thread.ts';

/**
 * The batch in memory of its own. A message carries whole allocations, and a small buffer is a part of a large one that
 * it shares with whatever else the process has just written, secrets included.
 */
export function apart(batch: Batch): Batch {
  const own = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);
  return { ...batch, prev: own(batch.prev), digest: own(batch.digest), payload: own(batch.payload) };
}

/** Commits on a thread of its own, so that a slow disk delays those who wait for it and nobody else. */
export const openWorkerCommitter: OpenCommitter = async (path) => {
  const thread = await openThread({
    from: import.meta.url,
    file: './commit-worker',
    name: 'journal',
    data: path,
  });
  return {
    async commit(batch) {
      const request: CommitRequest = { commit: apart(batch) };
      await thread.ask(request);
    },
    async trim({ mark, isLast }) {
      const request: CommitRequest = { trim: { mark: apart(mark), isLast } };
      await thread.ask(request);
    },
    close: thread.close,
  };
};
