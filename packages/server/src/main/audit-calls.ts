import {
  keySubjects,
  sealedCalls,
  type CallReader,
  type EntryReader,
  type OpenedSealer,
  type Tables,
} from '@sealgate/vault';
import type { AuditLog } from './audit-log.ts';

/** What calls are read out of. */
export interface AuditCallParts {
  readonly auditLog: Pick<AuditLog, 'log' | 'segments'>;
  readonly journal: EntryReader;
  readonly sealer: OpenedSealer;
  readonly tables: Tables;
}

/** Calls of the whole log: the sealed one, and what the journals have that is not sealed yet. Its files are opened at the first use. */
export function auditCalls({ auditLog, journal, sealer, tables }: AuditCallParts): CallReader {
  const subjects = keySubjects(tables, 'audit_person');
  const opened = async (): Promise<CallReader> => {
    const [log, segments] = [await auditLog.log(), await auditLog.segments()];
    return sealedCalls({ segments, journal, sealer, subjects, keyring: log.keyring, seams: log.seams });
  };
  return {
    async *newest(filter, hints) {
      yield* (await opened()).newest(filter, hints);
    },
    async *oldest(filter) {
      yield* (await opened()).oldest(filter);
    },
    async *ended(filter, onReached) {
      yield* (await opened()).ended(filter, onReached);
    },
    find: async (tenant, id) => (await opened()).find(tenant, id),
    services: async (filter) => (await opened()).services(filter),
    openings: async (things, within) => (await opened()).openings(things, within),
    stats: async (filter, zone) => (await opened()).stats(filter, zone),
  };
}
