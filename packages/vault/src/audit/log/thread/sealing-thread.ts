import { Worker } from 'node:worker_threads';
import { refuse, type Refusal, type VaultCode } from '../../../refusal.ts';
import { openExchange, type Exchange } from './exchange.ts';
import { lending, type LentStores } from './lent-stores.ts';

// Sealing an entry costs about as much as a call, so it has a thread of its own: those who serve wait for the journal, and for
// nothing behind it. The thread opens the files itself; of the same files this one reads what was committed.

// Run from the sources the worker is TypeScript, run from the build it is JavaScript; tsc does not rewrite URLs.
const workerUrl = new URL(
  `./sealing-worker.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`,
  import.meta.url,
);

/** Files of the log, as the thread opens them. */
export interface SealingFiles {
  /** The journal's file. */
  readonly journal: string;
  /** As `SqliteSegmentsOptions`. */
  readonly directory: string;
  readonly rootFile: string;
  /** As `SealedLogParts`. */
  readonly name: string;
  /** Names of the providers that are lent. */
  readonly providers: readonly string[];
}

/** What the thread is started with. */
export interface SealingChoices extends Omit<SealingFiles, 'providers'> {
  /** As `SealedLogParts`. */
  readonly failed: (refusal: Refusal) => void;
}

/** Seals, beside whoever serves. */
export interface SealingThread {
  /** As `SealedLog.run`. @throws Refusal as that, and `audit_unavailable` when the thread has ended */
  run(): Promise<number>;
  /** Do this while nothing is sealed and nothing is published. @throws whatever `work` throws */
  quiet<V>(work: () => Promise<V>): Promise<V>;
  /** Drop what the thread keeps of a tenant's log keys. */
  forget(scope: string): Promise<void>;
  /** Whether it has ended by a fault of its own; another one may be opened. */
  readonly dead: boolean;
  /** Resolves when its files are closed; what is under way ends where it can. */
  close(): Promise<void>;
}

/** Start the thread. */
export function openSealingThread({ failed, ...files }: SealingChoices, stores: LentStores): SealingThread {
  const workerData: SealingFiles = { ...files, providers: stores.providers.map(({ name }) => name) };
  // No environment and no flags: the thread needs neither, and the environment may hold secrets.
  const worker = new Worker(workerUrl, { workerData, env: {}, execArgv: [], name: 'sealing' });
  const exchange: Exchange = openExchange(worker);
  const lent = lending(stores, exchange.ask);
  exchange.answer({
    ...lent.answers,
    failed: async ({ code, message, detail }: Pick<Refusal<VaultCode>, 'code' | 'message' | 'detail'>) =>
      failed(refuse(code, message, detail)),
  });
  let dead = false;
  const end = (why: string): void => {
    dead = true;
    lent.end();
    exchange.end(refuse('audit_unavailable', 'the audit log cannot be sealed at present', why));
  };
  const exited = new Promise<void>((resolve) => {
    worker.on('exit', (code) => {
      end(`the sealing thread ended (${code})`);
      resolve();
    });
  });
  worker.on('error', (error) => end(String(error)));
  return {
    run: () => exchange.ask('run'),
    async quiet(work) {
      await exchange.ask('hold');
      try {
        return await work();
      } finally {
        await exchange.ask('resume').catch(() => undefined);
      }
    },
    forget: (scope) => exchange.ask('forget', scope),
    get dead() {
      return dead;
    },
    async close() {
      await exchange.ask('stop').catch(() => undefined);
      await worker.terminate();
      await exited;
    },
  };
}
