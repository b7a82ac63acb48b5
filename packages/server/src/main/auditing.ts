import { join } from 'node:path';
import {
  blobAnchors,
  openAnchorFile,
  openHolds,
  sealedRecords,
  systemTenant,
  tableRecords,
  type Archive,
  type Audit,
  type Bus,
  type CallReader,
  type Holds,
  type Journal,
  type KeyProvider,
  type OpenedSealer,
  type Tables,
} from '@sealgate/vault';
import type { AppConfig } from '../config.ts';
import type { AuditZones } from '../domain/audit-zones.ts';
import type { Log } from '../log.ts';
import { openAuditAnchors, type AuditAnchorParts, type AuditAnchors } from './audit-anchors.ts';
import { openAuditArchive, type AuditArchive, type AuditArchiveParts } from './audit-archive.ts';
import { watchClock } from './audit-clock.ts';
import { auditCalls } from './audit-calls.ts';
import { openAuditLog, type AuditLog } from './audit-log.ts';
import type { AuditLogParts } from './log-files.ts';
import { openAuditTrim, type AuditTrim, type AuditTrimParts } from './audit-trim.ts';
import { failedBy, openRecording } from './recording.ts';
import { openAuditNotes, type AuditNoteCounts, type AuditNotes } from './audit-notes.ts';
import { openUses, type Uses, type UsesParts } from './uses.ts';
import { toldDevices } from './journal.ts';
import { openPlacedJournal } from './placed-journal.ts';

const usesSealing = { kind: 'record', table: 'uses', tenant: systemTenant } as const;

/** Everything that is written down, from the call that waits for it to the month that leaves. */
export interface Auditing {
  readonly journal: Journal;
  readonly audit: Audit;
  /** Whose clock says what is outside business hours. */
  readonly auditZones: AuditZones;
  /** What the journal becomes for strangers. */
  readonly auditLog: AuditLog;
  /** What befell the log since the opening. */
  readonly befallen: () => AuditNoteCounts;
  /** Count the uses of credentials beside the journal. @param counted as `ConnectionRows.uses` */
  countUses(counted: UsesParts['counted']): Promise<Uses>;
  /** Calls of all of it. */
  readonly calls: CallReader;
  /** Tenants whose log must be kept as it is. */
  readonly holds: Holds;
  /**
   * Begin to seal and to archive, again and again.
   *
   * @param tenant in whose log it stands what was done with the logs themselves
   * @throws Refusal `store_unavailable`
   */
  start(tenant: string): Promise<AuditKeeping>;
}

/** What becomes of the sealed log. */
export interface AuditKeeping {
  /** Where its months go. */
  readonly auditArchive: AuditArchive;
  /** Where its checkpoints are noted elsewhere. */
  readonly auditAnchors: AuditAnchors;
  /** What was sealed leaves the journal. */
  readonly auditTrim: AuditTrim;
}

/** What it stands on. */
export interface AuditingParts {
  readonly config: Pick<AppConfig, 'dataDirectory' | 'database' | 'auditLog' | 'auditZone'>;
  readonly tables: Tables;
  readonly sealer: OpenedSealer;
  readonly archive: Archive;
  /** Root keys, the active one first. */
  readonly providers: readonly KeyProvider[];
  readonly news: Bus;
  readonly log: Log;
  readonly now: () => number;
}

/**
 * Open the journal, and what is made of it.
 *
 * @param closers given what closes each part, in the order in which they were opened
 * @throws Refusal `journal_broken`, `audit_unavailable`, `key_unavailable`
 */
export async function openAuditing(
  { config, tables, sealer, archive, providers, news, log, now }: AuditingParts,
  closers: (() => void | Promise<void>)[],
): Promise<Auditing> {
  const { dataDirectory, database } = config;
  const failed = failedBy(log);
  const notes = openAuditNotes({ failed, now });
  const told = toldDevices(log, notes.note);
  const lost = (): void => {
    log.error('another process has taken over the audit journal: this one stops');
    process.kill(process.pid, 'SIGTERM');
  };
  const journal = await openPlacedJournal({ config, sealer, now, failed, told, lost });
  closers.push(() => journal.close());
  const lent = { tables, providers, news };
  const anchors = anchorsIn({ config, archive });
  const where = { dataDirectory, database };
  const auditLog = openAuditLog({ ...where, tables, sealer, lent, anchors, journal, log, now });
  closers.push(() => auditLog.close());
  const zone = config.auditZone;
  const { audit, auditZones } = await openRecording({ tables, sealer, log, zone, journal, auditLog });
  closers.push(() => auditZones.close());
  closers.push(watched(notes, log, now));
  const holds = openHolds({ tables, sealer, now });
  const calls = auditCalls({ auditLog, journal, sealer, tables });
  return {
    journal,
    audit,
    auditZones,
    auditLog,
    befallen: notes.counts,
    async countUses(counted) {
      const records = sealedRecords(tableRecords(tables, { now }), sealer, usesSealing);
      const uses = await openUses({ records, calls, journal, counted, gap: notes.gap, log, now });
      closers.push(() => uses.close());
      return uses;
    },
    calls,
    holds,
    async start(tenant) {
      const parts = { auditLog, archive, holds, journal, calls, audit, tenant, log, now };
      const keeping = await openKeeping(config, parts, closers);
      notes.start({ audit, tenant });
      auditLog.start(notes.gap);
      return keeping;
    },
  };
}

/** What is sealed leaves the journal, its months go into the archive, its checkpoints elsewhere. */
async function openKeeping(
  { dataDirectory, auditLog: { hotDays, anchors: choice } }: AuditingParts['config'],
  parts: Omit<AuditArchiveParts & AuditAnchorParts & AuditTrimParts, 'hotDays' | 'choice' | 'file'>,
  closers: (() => void | Promise<void>)[],
): Promise<AuditKeeping> {
  const auditArchive = openAuditArchive({ ...parts, hotDays });
  closers.push(() => auditArchive.close());
  auditArchive.start();
  const file = await openAnchorFile(join(dataDirectory, 'audit-anchors.json'));
  const auditAnchors = openAuditAnchors({ ...parts, choice, file });
  closers.push(() => auditAnchors.close());
  auditAnchors.start();
  const auditTrim = openAuditTrim(parts);
  closers.push(() => auditTrim.close());
  auditTrim.start();
  return { auditArchive, auditAnchors, auditTrim };
}

/** What was noted of the log among the blobs. */
function anchorsIn({ config, archive }: Pick<AuditingParts, 'config' | 'archive'>): AuditLogParts['anchors'] {
  return config.auditLog.anchors.archive ? (name) => blobAnchors(archive, name).newest() : undefined;
}

function watched(notes: AuditNotes, log: Log, now: () => number): () => void {
  const told = (stepMs: number): void => {
    const seconds = Math.round(stepMs / 1000);
    log.warn({ seconds }, 'the clock was changed, or this machine slept');
    notes.note({ act: 'audit.clock', object: `clock:${seconds}`, outcome: { out: 'unknown' } });
  };
  return watchClock({ now, steadyMs: () => performance.now(), told }).close;
}
