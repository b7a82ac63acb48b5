import {
  hoursJudge,
  openAudit,
  paramsKeeper,
  type Audit,
  type Journal,
  type OpenedSealer,
  type Refusal,
  type Tables,
} from '@sealgate/vault';
import { openAuditZones, type AuditZones } from '../domain/audit-zones.ts';
import type { Log } from '../log.ts';
import type { AuditLog } from './audit-log.ts';
import { pacedAudit } from './paced-audit.ts';

// How everything that is tried is written down: with its parameters under the keys of the group's log, and with what stands
// out of it on the group's clock.

/** What it stands on. */
export interface RecordingParts {
  readonly tables: Tables;
  readonly sealer: Pick<OpenedSealer, 'blind'>;
  readonly log: Log;
  /** IANA name; of groups without a zone of their own. */
  readonly zone: string;
  readonly journal: Journal;
  readonly auditLog: Pick<AuditLog, 'tagsOf' | 'isBehind'>;
}

/** Tells the log of a refusal that nobody else is told of. */
export function failedBy(log: Log): (refusal: Pick<Refusal, 'code' | 'message' | 'detail'>) => void {
  return ({ code, detail, message }) => log.error({ code, detail }, message);
}

/** @throws Refusal `store_unavailable` */
export async function openRecording(
  parts: RecordingParts,
): Promise<{ readonly audit: Audit; readonly auditZones: AuditZones }> {
  const { tables, sealer, log, zone, journal, auditLog } = parts;
  const auditZones = await openAuditZones({
    tables,
    fallback: zone,
    mark: (text) => sealer.blind('settings', text),
    foreign: () => log.error('the time zones of groups were changed outside of the gateway and do not count'),
    failed: (error) => log.warn({ err: error }, 'the time zones of groups could not be read again'),
  });
  const judge = hoursJudge();
  const audit = openAudit({
    journal,
    params: paramsKeeper(auditLog.tagsOf),
    flagsOf: ({ tenant }, atMs) => judge(auditZones.zoneOf(tenant), atMs),
    failed: failedBy(log),
  });
  return { audit: pacedAudit(audit, auditLog.isBehind), auditZones };
}
