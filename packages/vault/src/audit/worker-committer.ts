import { Worker } from 'node:worker_threads';
import type { Batch } from './batch.ts';
import type { OpenCommitter } from './committer.ts';
import type { CommitReply } from './commit-worker.ts';

// Run from the sources the worker is TypeScript, run from the build it is JavaScript; tsc does not rewrite URLs.
const workerUrl = new URL(
  `./commit-worker.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`,
  import.meta.url,
);

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
  // No environment and no flags: the thread needs neither, and the environment may hold secrets.
  const worker = new Worker(workerUrl, { workerData: path, env: {}, execArgv: [], name: 'journal' });
  let waiting: { resolve: () => void; reject: (error: Error) => void } | undefined;
  let dead: Error | undefined;
  const settle = (error: Error | undefined) => {
    const waiter = waiting;
    waiting = undefined;
    if (error === undefined) waiter?.resolve();
    else waiter?.reject(error);
  };
  const die = (error: Error) => settle((dead ??= error));
  const next = () =>
    new Promise<void>((resolve, reject) => {
      if (dead === undefined) waiting = { resolve, reject };
      else reject(dead);
    });
  worker.on('message', ({ failed }: CommitReply) =>
    settle(failed === undefined ? undefined : new Error(failed)),
  );
  worker.on('error', die);
  worker.on('exit', (code) => die(new Error(`the commit thread ended (${code})`)));

  try {
    await next();
  } catch (error) {
    await worker.terminate();
    throw error;
  }
  return {
    commit(batch) {
      const done = next();
      worker.postMessage(apart(batch));
      return done;
    },
    async close() {
      const ended = new Promise((resolve) => worker.once('exit', resolve));
      if (dead !== undefined) return;
      worker.postMessage(undefined);
      await ended;
    },
  };
};
