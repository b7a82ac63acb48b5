import { oneBehindTheOther, type Journal } from '@sealgate/vault';
import type { Log } from '../log.ts';
import { asRefusal } from './audit-faults.ts';
import type { AuditLog } from './audit-log.ts';
import { openRounds } from './rounds.ts';

// What has been in the sealed log for a day leaves the journal: there it lies under the deployment's key, so it would outlast the
// keys that are destroyed when a group or a person is erased. An erasure does not wait for the day. While sealing fails nothing
// leaves, whatever was sealed before: it may be what the log has to be made of again.

const minuteMs = 60_000;
const keptMs = 86_400_000;

/** Lets what was sealed leave the journal. */
export interface AuditTrim {
  start(): void;
  /** Everything that is sealed leaves now; tried again each minute until it did. */
  all(): Promise<void>;
  close(): Promise<void>;
}

/** What it stands on. */
export interface AuditTrimParts {
  readonly journal: Pick<Journal, 'trim'>;
  readonly auditLog: Pick<AuditLog, 'catchUp' | 'log'>;
  readonly log: Log;
  readonly now: () => number;
  /** Between two looks; a minute when not given. */
  readonly everyMs?: number;
}

/** Trimming for this instance. */
export function openAuditTrim(parts: AuditTrimParts): AuditTrim {
  const { journal, auditLog, log, now, everyMs = minuteMs } = parts;
  let allDue = false;
  const inTurn = oneBehindTheOther();
  const trim = async (): Promise<void> => {
    if ((await auditLog.catchUp()) !== undefined) return;
    const isAll = allDue;
    allDue = false;
    try {
      const keptFromMs = isAll ? Infinity : now() - keptMs;
      for (const sealed of await (await auditLog.log()).settled()) await journal.trim(sealed, keptFromMs);
    } catch (error) {
      allDue ||= isAll;
      const { code, message, detail } = asRefusal(error, 'the audit journal could not be trimmed');
      log.warn({ code, detail }, message);
    }
  };
  const rounds = openRounds(() => inTurn(trim), { firstMs: everyMs, everyMs });
  return {
    start: rounds.start,
    all() {
      allDue = true;
      return inTurn(trim);
    },
    async close() {
      await rounds.end();
      await inTurn(async () => undefined);
    },
  };
}
