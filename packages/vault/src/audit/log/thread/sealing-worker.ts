import { parentPort, workerData } from 'node:worker_threads';
import { openNoteKey } from '../../../keys/note-key.ts';
import { openSealer } from '../../../keys/open-sealer.ts';
import type { Refusal } from '../../../refusal.ts';
import { openSealedLog } from '../sealed-log.ts';
import { sqliteSegments } from '../sqlite/segments.ts';
import { oneBehindTheOther } from '../../../store/in-turn.ts';
import { openExchange } from './exchange.ts';
import { borrowed } from './lent-stores.ts';

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
  /** Whether what was noted elsewhere can be asked for. */
  readonly anchored: boolean;
}

// The thread that seals. What it opens is closed when it is told to; it keeps its keys to itself.

const { journal, directory, rootFile, name, providers: names, anchored } = workerData as SealingFiles;
const queued = oneBehindTheOther();
const exchange = openExchange(parentPort!);
const stores = borrowed(names, exchange.ask);
let resume = (): void => undefined;
let opening: ReturnType<typeof open> | undefined;

exchange.answer({
  ...stores.hears,
  async run() {
    const { log } = await opened();
    return queued(() => log.run());
  },
  // Answered once nothing is under way; what is asked for then waits for `resume`.
  hold: () =>
    new Promise<void>((held) => {
      void queued(() => {
        held();
        return new Promise<void>((go) => (resume = go));
      });
    }),
  resume: async () => resume(),
  async forget(scope: string) {
    const { log } = await opened();
    await log.keyring.forget(scope);
  },
  async stop() {
    const { log, close } = (await opening) ?? {};
    await log?.close();
    await close?.();
  },
});

/** Opened when it is first asked for, and asked for again when that failed. */
function opened(): ReturnType<typeof open> {
  opening ??= open().catch((error: unknown) => {
    opening = undefined;
    throw error;
  });
  return opening;
}

async function open() {
  const [provider, ...opening] = stores.providers;
  const { tables } = stores;
  const now = Date.now;
  const sealer = await openSealer({ tables, provider: provider!, opening, now });
  // Told there already: the one who lends follows the same changes.
  const stopFollowing = await sealer.follow(stores.news, () => undefined);
  const segments = sqliteSegments({ directory, rootFile });
  const noteKey = await openNoteKey({ tables, sealer, now });
  const failed = ({ code, message, detail }: Refusal): void =>
    void exchange.ask('failed', { code, message, detail }).catch(() => undefined);
  const anchors = anchored
    ? (of: string): Promise<readonly string[]> => exchange.ask('anchors', of)
    : undefined;
  const log = await openSealedLog({ journal, sealer, segments, noteKey, name, anchors, now, failed });
  return {
    log,
    async close() {
      stopFollowing();
      await segments.close();
      await sealer.close();
    },
  };
}
