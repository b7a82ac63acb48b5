import {
  openLogArchive,
  Refusal,
  type Archive,
  type ArchiveRun,
  type Audit,
  type Holds,
  type LogArchive,
} from '@sealgate/vault';
import type { Log } from '../log.ts';
import type { AuditLog } from './audit-log.ts';
import { ownActs } from './own-acts.ts';
import { openRounds } from './rounds.ts';

// Months of the audit log that are old enough go into the archive, and leave it when their time is over. There is no hurry:
// what is not done now is done hours later, and until then the month is where it was.

const firstMs = 60_000;
const everyMs = 6 * 3600_000;

/** How archiving does. */
export interface AuditArchiveHealth {
  /** Attempts that failed since the opening. */
  readonly failures: number;
  /** Months archived since the opening. */
  readonly archived: number;
}

/** What the sealed log of this instance becomes after its time at hand. */
export interface AuditArchive {
  /** Begin to archive, again and again. */
  start(): void;
  /** @throws Refusal as `LogArchive.run` */
  run(): Promise<ArchiveRun>;
  /** @throws Refusal when the sealed log cannot be opened now */
  archived(): Promise<LogArchive>;
  health(): AuditArchiveHealth;
  /** Resolves when what is under way is done. */
  close(): Promise<void>;
}

/** What it stands on. */
export interface AuditArchiveParts {
  readonly auditLog: Pick<AuditLog, 'log' | 'segments'>;
  readonly archive: Archive;
  readonly holds: Pick<Holds, 'held'>;
  readonly audit: Audit;
  /** In whose log it stands what was archived. */
  readonly tenant: string;
  readonly hotDays: number;
  readonly log: Log;
  readonly now: () => number;
}

/** Archiving for this instance. */
export function openAuditArchive(parts: AuditArchiveParts): AuditArchive {
  const { log } = parts;
  let closing = false;
  let failures = 0;
  let archived = 0;
  const opened = (): Promise<LogArchive> => openedIn(parts, () => closing);
  const run = async (): Promise<ArchiveRun> => {
    try {
      const done = await (await opened()).run();
      archived += done.archived.length;
      for (const month of done.archived) log.info({ month }, 'a month of the audit log was archived');
      for (const origin of done.expired) log.info({ origin }, 'an archived audit log has expired');
      return done;
    } catch (error) {
      failures += 1;
      throw error;
    }
  };
  const rounds = openRounds(() => run().catch((error: unknown) => tell(log, error)), { firstMs, everyMs });
  return {
    start: rounds.start,
    run,
    archived: opened,
    health: () => ({ failures, archived }),
    async close() {
      closing = true;
      await rounds.end();
    },
  };
}

async function openedIn(parts: AuditArchiveParts, stopped: () => boolean): Promise<LogArchive> {
  const { auditLog, archive, holds, hotDays, now } = parts;
  const sealed = await auditLog.log();
  return openLogArchive({
    archive: whileRunning(archive, stopped),
    segments: await auditLog.segments(),
    identity: sealed.identity,
    hotDays,
    held: holds.held,
    noted: ownActs(parts),
    drop: (month) => sealed.drop(month),
    now,
  });
}

/** A gateway that stops does not wait for a month to be written: it goes on after the next start. */
function whileRunning(archive: Archive, stopped: () => boolean): Archive {
  const unless = <T>(work: () => Promise<T>): Promise<T> =>
    stopped()
      ? Promise.reject(
          new Refusal('store_unavailable', 'the gateway stops; archiving goes on after its start'),
        )
      : work();
  return {
    ...archive,
    put: (...given) => unless(() => archive.put(...given)),
    get: (name) => unless(() => archive.get(name)),
    remove: (name) => unless(() => archive.remove(name)),
  };
}

function tell(log: Log, error: unknown): void {
  const detail = error instanceof Refusal ? { code: error.code, detail: error.detail } : { err: error };
  log.error(detail, error instanceof Refusal ? error.message : 'the audit log could not be archived');
}
