import type { Revision } from '@sealgate/vault';
import type { Passage } from '../owner/owners.ts';
import { openEventStore } from './event-store.ts';
import { openSession, type LegacySession } from './legacy-session.ts';
import type { SessionRecord, SessionRecords } from './session-record.ts';
import type { SessionsParts } from './session-table.ts';

/** What making needs beside the parts of all sessions. */
export interface Making {
  readonly parts: SessionsParts;
  readonly stored: SessionRecords;
  readonly endsAtMs: () => number;
  readonly drop: (session: LegacySession) => Promise<void>;
}

/**
 * Make a session of a record. It stores itself whenever it has changed, one write after the other, each under the
 * revision of the last: a write that loses means that the session was ended or taken over, and it is dropped.
 */
export function makeSession(
  { parts, stored, endsAtMs, drop }: Making,
  { caller, address }: Passage,
  { id, record, revision }: { id: string; record: SessionRecord; revision: Revision | undefined },
): LegacySession {
  const { limits, log, now, records, sealer } = parts;
  const failed = (error: unknown): void =>
    log.warn({ err: error }, 'a message could not be kept for a resumption');
  const { tenant, subject } = record.principal;
  const place = { records, sealer, tenant, subject, session: id };
  const events = openEventStore({ ...place, generation: record.generation, limits, now, failed });
  let last = { text: revision === undefined ? '' : JSON.stringify(record), revision };
  let line: Promise<unknown> = Promise.resolve();
  const save = async (next: SessionRecord): Promise<boolean> => {
    const text = JSON.stringify(next);
    if (text === last.text) return true;
    const saved = await stored.save(id, next, endsAtMs(), last.revision);
    if (saved === undefined) await drop(session);
    else last = { text, revision: saved };
    return saved !== undefined;
  };
  const session: LegacySession = openSession({
    id,
    caller,
    record,
    events,
    openTarget: parts.openTarget(caller, address),
    limits,
    log,
    now,
    save(next) {
      const saved = line.then(async () => save(next));
      line = saved.catch(() => undefined);
      return saved;
    },
  });
  return session;
}
