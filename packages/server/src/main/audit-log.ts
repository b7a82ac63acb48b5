import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  openNoteKey,
  openSealedLog,
  sqliteSegments,
  type Journal,
  type LentStores,
  type OpenedSealer,
  type Refusal,
  type SealedLog,
  type Segments,
  type Tables,
} from '@sealgate/vault';
import type { Log } from '../log.ts';
import { openFaults } from './audit-faults.ts';
import { openSealing, type Sealing } from './sealing.ts';

// The journal is what a call waits for; from there its entries are sealed into logs that strangers can check, a second later.
// When that fails nothing is lost and no call is refused: it is told once, counted, and tried again.

const pauseMs = 1000;
/** How long closing may take; what is not sealed by then is sealed after the next start. */
const closeMs = 2000;

/** How sealing does. */
export interface AuditLogHealth {
  /** Whether the last attempt failed. */
  readonly failing: boolean;
  /** Attempts that failed since the opening. */
  readonly failures: number;
  /** Entries sealed since the opening. */
  readonly sealed: number;
}

/** The sealed log of this instance. */
export interface AuditLog {
  /** Begin to seal, again and again. @param gap told once of each fault that leaves a gap for good */
  start(gap: (refusal: Refusal) => void): void;
  /** From now on others are served here: seal on a thread of its own. */
  makeWay(): void;
  /** Seal and publish what the journal holds. @returns why that was not possible; `undefined` when it is done */
  catchUp(): Promise<Refusal | undefined>;
  /** @throws Refusal when it cannot be opened now */
  log(): Promise<SealedLog>;
  /** What it lies in. @throws as {@link log} */
  segments(): Promise<Segments>;
  /**
   * Remove the secret that a tenant's log was made with. It lies sealed under the tenant's own key, so it is lost with that
   * key, whether it can be removed now or not.
   *
   * @returns whether there was one, and it was removed
   */
  forget(tenant: string): Promise<boolean>;
  health(): AuditLogHealth;
  /** Seal what is left, within two seconds, and close its files. The journal is still open. */
  close(): Promise<void>;
}

/** What it stands on. */
export interface AuditLogParts {
  readonly dataDirectory: string;
  readonly tables: Tables;
  readonly sealer: OpenedSealer;
  /** What a thread needs that seals; not given: there is none. */
  readonly lent?: LentStores | undefined;
  readonly journal: Pick<Journal, 'health'>;
  readonly log: Log;
  readonly now: () => number;
}

interface Opened {
  readonly segments: Segments;
  readonly sealed: SealedLog;
  /** On a thread of its own; `undefined`: there is none. */
  readonly sealing: Sealing | undefined;
}

/** The log in `DATA_DIR/audit/` and `DATA_DIR/audit-root.db`. Its files are opened at the first use. */
export function openAuditLog(parts: AuditLogParts): AuditLog {
  const { journal } = parts;
  const faults = openFaults(parts.log);
  const files = openFiles(parts, faults.gotOver);
  const begunWith = journal.health().end.batch;
  let sealed = 0;
  let serving = false;
  const catchUp = async (): Promise<Refusal | undefined> => {
    try {
      const { sealed: log, sealing } = await files.opened();
      const more = await (serving && sealing !== undefined ? sealing : log).run();
      sealed += more;
      faults.mended();
      return undefined;
    } catch (error) {
      return faults.failed(error);
    }
  };
  const rounds = openRounds(catchUp);
  return {
    start(gap) {
      faults.listen(gap);
      rounds.start();
    },
    makeWay: () => void (serving = true),
    catchUp,
    log: async () => (await files.opened()).sealed,
    segments: async () => (await files.opened()).segments,
    async forget(tenant) {
      try {
        const { segments, sealed: log, sealing } = await files.opened();
        const had = (await segments.secrets.get(tenant)) !== undefined;
        await log.keyring.forget(tenant, 'destroyed');
        await sealing?.forget(tenant);
        return had;
      } catch (error) {
        faults.failed(error);
        return false;
      }
    },
    health: () => ({ ...faults.health(), sealed }),
    async close() {
      const ended = rounds.end();
      const { end, waiting } = journal.health();
      // Somebody who only looked has nothing to seal.
      const idle = !files.begun() && end.batch === begunWith && waiting === 0;
      if (!idle) await Promise.race([last(journal, catchUp), sleep(closeMs, undefined, { ref: false })]);
      await files.close(ended);
    },
  };
}

/** One round after the other, a pause between them. */
function openRounds(round: () => Promise<unknown>): { start(): void; end(): Promise<unknown> } {
  let ended = false;
  let timer: NodeJS.Timeout | undefined;
  let underWay: Promise<unknown> = Promise.resolve();
  const again = (): void => {
    timer = setTimeout(() => {
      underWay = round().then(() => void (ended || again()));
    }, pauseMs).unref();
  };
  return {
    start: again,
    async end() {
      ended = true;
      clearTimeout(timer);
      await underWay;
    },
  };
}

/** The files, opened when they are first asked for, and asked for again when that failed. */
function openFiles(parts: AuditLogParts, failed: (refusal: Refusal) => void) {
  let opening: Promise<Opened> | undefined;
  return {
    begun: () => opening !== undefined,
    opened(): Promise<Opened> {
      opening ??= open(parts, failed).catch((error: unknown) => {
        opening = undefined;
        throw error;
      });
      return opening;
    },
    /** @param ended resolves when nobody asks any more: what is under way ends once the log is told to */
    async close(ended: Promise<unknown>): Promise<void> {
      const opened = await opening?.catch(() => undefined);
      await opened?.sealed.close();
      await opened?.sealing?.close();
      await ended;
      await opened?.segments.close();
    },
  };
}

/** The last run: outcomes that were just given to the journal are on the disk a moment later. */
async function last(journal: AuditLogParts['journal'], catchUp: () => Promise<unknown>): Promise<void> {
  const until = performance.now() + closeMs / 2;
  while (journal.health().waiting > 0 && performance.now() < until) await sleep(2);
  await catchUp();
}

async function open(
  { dataDirectory, tables, sealer, lent, now }: AuditLogParts,
  failed: (refusal: Refusal) => void,
): Promise<Opened> {
  const files = { directory: join(dataDirectory, 'audit'), rootFile: join(dataDirectory, 'audit-root.db') };
  const segments = sqliteSegments(files);
  try {
    const noteKey = await openNoteKey({ tables, sealer, now });
    const journal = join(dataDirectory, 'journal.db');
    // Several instances have one deployment and one key, and a log each: two that are called the same would contradict each other.
    const name = `${sealer.deployment}.${segments.mark}`;
    const sealing =
      lent && segments.shared ? openSealing({ ...files, journal, name, failed }, lent) : undefined;
    const quiet = sealing?.quiet;
    const given = { journal, sealer, segments, noteKey, name, now, failed };
    const sealed = await openSealedLog(quiet === undefined ? given : { ...given, quiet });
    return { segments, sealed, sealing };
  } catch (error) {
    await segments.close();
    throw error;
  }
}
