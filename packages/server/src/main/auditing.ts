import { join } from 'node:path';
import {
  openAudit,
  openHolds,
  openJournal,
  type Archive,
  type Audit,
  type Bus,
  type CallReader,
  type Holds,
  type Journal,
  type KeyProvider,
  type OpenedSealer,
  type Refusal,
  type Tables,
} from '@sealgate/vault';
import type { AppConfig } from '../config.ts';
import type { Log } from '../log.ts';
import { openAuditArchive, type AuditArchive } from './audit-archive.ts';
import { auditCalls } from './audit-calls.ts';
import { noteGap } from './audit-gap.ts';
import { openAuditLog, type AuditLog } from './audit-log.ts';

/** Everything that is written down, from the call that waits for it to the month that leaves. */
export interface Auditing {
  readonly journal: Journal;
  readonly audit: Audit;
  /** What the journal becomes for strangers. */
  readonly auditLog: AuditLog;
  /** Calls of all of it. */
  readonly calls: CallReader;
  /** Tenants whose log must be kept as it is. */
  readonly holds: Holds;
  /**
   * Begin to seal and to archive, again and again.
   *
   * @param tenant in whose log it stands what was done with the logs themselves
   * @returns where months go
   */
  start(tenant: string): AuditArchive;
}

/** What it stands on. */
export interface AuditingParts {
  readonly config: Pick<AppConfig, 'dataDirectory' | 'auditLog'>;
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
  const { dataDirectory, auditLog: keeping } = config;
  const failed = ({ code, message, detail }: Refusal): void => log.error({ code, detail }, message);
  const journal = await openJournal({ path: join(dataDirectory, 'journal.db'), sealer, now, failed });
  closers.push(() => journal.close());
  const audit = openAudit({ journal, failed });
  const lent = { tables, providers, news };
  const auditLog = openAuditLog({ dataDirectory, tables, sealer, lent, journal, log, now });
  closers.push(() => auditLog.close());
  const holds = openHolds({ tables, sealer, now });
  return {
    journal,
    audit,
    auditLog,
    calls: auditCalls({ auditLog, journal, sealer, tables }),
    holds,
    start(tenant) {
      const { hotDays } = keeping;
      const auditArchive = openAuditArchive({ auditLog, archive, holds, audit, tenant, hotDays, log, now });
      closers.push(() => auditArchive.close());
      auditArchive.start();
      auditLog.start(noteGap({ audit, tenant, failed, now }));
      return auditArchive;
    },
  };
}
