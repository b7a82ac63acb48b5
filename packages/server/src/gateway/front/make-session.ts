import { oneBehindTheOther, type Revision } from '@sealgate/vault';
import type { Passage } from '../owner/owners.ts';
import { openEventStore } from './event-store.ts';
import type { Save } from './legacy-request.ts';
import { openSession, type LegacySession } from './legacy-session.ts';
import type { SessionsParts } from './session-parts.ts';
import type { SessionRecord, SessionRecords } from './session-record.ts';

/** A record to make a session of. */
export interface Made {
  readonly id: string;
  readonly record: SessionRecord;
  /** Of the stored record; `undefined`: nothing is stored. */
  readonly revision: Revision | undefined;
}

/** What making needs beside the parts of all sessions. */
export interface Making {
  readonly parts: SessionsParts;
  readonly stored: SessionRecords;
  readonly endsAtMs: () => number;
  /** Told that the session was ended or taken over elsewhere. */
  readonly lost: (session: LegacySession) => Promise<void>;
}

/**
 * Make a session of a record. It stores itself whenever it has changed, one write after the other, each under the
 * revision of the last: a write that loses means that it was ended, or taken over. Only when the records have lost
 * everything since the last one is it written as new, and then nobody else's is replaced.
 */
export function makeSession(
  making: Making,
  { caller, address, correlation }: Passage,
  made: Made,
): LegacySession {
  const { limits, log, now, records, sealer, openTarget } = making.parts;
  const { id, record } = made;
  const failed = (error: unknown): void =>
    log.warn({ err: error }, 'a message could not be kept for a resumption');
  const { tenant, subject } = record.principal;
  const { generation } = record;
  const place = { records, sealer, tenant, subject, session: id };
  const session: LegacySession = openSession({
    id,
    caller,
    correlation,
    record,
    events: openEventStore({ ...place, generation, limits, now, failed }),
    openTarget: openTarget(caller, address),
    limits,
    log,
    now,
    save: saver(making, made, () => making.lost(session)),
  });
  return session;
}

function saver(
  { parts, stored, endsAtMs }: Making,
  { id, record, revision }: Made,
  lost: () => Promise<void>,
): Save {
  const { mark } = parts.owners;
  let last = { text: revision === undefined ? '' : JSON.stringify(record), revision, mark: mark.seen() };
  const inTurn = oneBehindTheOther();
  let isLost = false;
  const write = async (next: SessionRecord): Promise<Revision | undefined> => {
    const saved = await stored.save(id, next, endsAtMs(), last.revision);
    if (saved !== undefined || last.revision === undefined || (await mark.look()) === last.mark) return saved;
    parts.log.info('a session was written anew: the records had lost it');
    return stored.save(id, next, endsAtMs());
  };
  const save = async (next: SessionRecord, anew: boolean): Promise<boolean> => {
    if (isLost) return false;
    const text = JSON.stringify(next);
    if (text === last.text && !anew) return true;
    const saved = await write(next);
    if (saved === undefined) {
      isLost = true;
      await lost();
    } else last = { text, revision: saved, mark: mark.seen() };
    return saved !== undefined;
  };
  return (next, { anew } = { anew: false }) => inTurn(() => save(next, anew));
}
