import { join } from 'node:path';
import {
  fileDevice,
  openJournal,
  Refusal,
  type DeviceChange,
  type Journal,
  type OpenedSealer,
} from '@sealgate/vault';
import type { AppConfig } from '../config.ts';
import type { Log } from '../log.ts';
import type { AuditNote } from './audit-notes.ts';

/** What the journal of a data directory is opened with. */
export interface DataJournalParts {
  readonly config: Pick<AppConfig, 'dataDirectory' | 'auditLog'>;
  readonly sealer: OpenedSealer;
  readonly now: () => number;
  readonly failed?: (refusal: Refusal) => void;
  /** Told of a device that fails, and of one that is back. */
  readonly told?: (change: DeviceChange) => void;
}

/**
 * Open the journal of the data directory for writing, on both devices where there are two: whoever wrote to one alone could
 * part them for good.
 *
 * @throws Refusal `journal_broken`, `audit_unavailable`, `key_unavailable`
 */
export function openDataJournal({ config, told, ...parts }: DataJournalParts): Promise<Journal> {
  const { secondFile } = config.auditLog;
  return openJournal({
    ...parts,
    path: join(config.dataDirectory, 'journal.db'),
    ...(secondFile !== undefined && {
      second: { device: fileDevice(secondFile), ...(told !== undefined && { told }) },
    }),
  });
}

/** Says what became of a device in the log of the process and in the journal, once each time. */
export function toldDevices(log: Log, note: (note: AuditNote) => void): (change: DeviceChange) => void {
  return ({ device, state, reason }) => {
    const object = `device:${device}`;
    if (state === 'ok') {
      log.info({ device }, 'a device of the audit journal is back, and has what it missed');
      return note({ act: 'audit.device', object, outcome: { out: 'success' } });
    }
    const code = reason instanceof Refusal ? reason.code : 'audit_unavailable';
    const detail = reason instanceof Refusal ? (reason.detail ?? reason.message) : String(reason);
    log.error({ device, code, detail }, 'a device of the audit journal failed: the other goes on alone');
    note({ act: 'audit.device', object, outcome: { out: 'failure', code } });
  };
}
