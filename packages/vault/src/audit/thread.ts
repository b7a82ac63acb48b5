import { Worker } from 'node:worker_threads';

// A disk is written by a thread of its own, so that a slow one delays those who wait for it and nobody else.

/** What the thread answers: once for its opening, then once for each message, in their order. */
export interface ThreadReply {
  /** Why it could not; `undefined` when it could. */
  readonly failed?: string;
  readonly answer?: unknown;
}

/** A thread that answers messages in their order. */
export interface Thread {
  /** @throws Error what the thread failed with, or that it ended */
  ask(message: unknown): Promise<unknown>;
  /** Ends it, after what was asked before. Resolves when it can do nothing more. */
  close(): Promise<void>;
}

interface Waiter {
  resolve(answer: unknown): void;
  reject(error: Error): void;
}

/** Which thread. `file`: its module, without ending; it lies beside `from`. `data`: what it begins with. */
export interface ThreadParts {
  readonly from: string;
  readonly file: string;
  readonly name: string;
  readonly data: unknown;
}

/** Start a thread, and wait until it says that it is open. @throws Error when it does not open */
export async function openThread({ from, file, name, data }: ThreadParts): Promise<Thread> {
  // Run from the sources the worker is TypeScript, run from the build it is JavaScript; tsc does not rewrite URLs.
  const url = new URL(`${file}.${from.endsWith('.ts') ? 'ts' : 'js'}`, from);
  // No environment and no flags: the thread needs neither, and the environment may hold secrets.
  const worker = new Worker(url, { workerData: data, env: {}, execArgv: [], name });
  const waiting: Waiter[] = [];
  let dead: Error | undefined;
  const die = (error: Error) => {
    dead ??= error;
    for (const waiter of waiting.splice(0)) waiter.reject(dead);
  };
  const next = () =>
    new Promise<unknown>((resolve, reject) => {
      if (dead === undefined) waiting.push({ resolve, reject });
      else reject(dead);
    });
  worker.on('message', ({ failed, answer }: ThreadReply) => {
    const waiter = waiting.shift();
    if (failed === undefined) waiter?.resolve(answer);
    else waiter?.reject(new Error(failed));
  });
  worker.on('error', die);
  worker.on('exit', (code) => die(new Error(`the ${name} thread ended (${code})`)));

  try {
    await next();
  } catch (error) {
    await worker.terminate();
    throw error;
  }
  return {
    ask(message) {
      const answered = next();
      worker.postMessage(message);
      return answered;
    },
    async close() {
      const ended = new Promise((resolve) => worker.once('exit', resolve));
      if (dead !== undefined) return;
      worker.postMessage(undefined);
      await ended;
    },
  };
}
