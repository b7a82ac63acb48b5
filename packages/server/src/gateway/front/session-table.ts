import type { Audit, Records, Revision, Sealer } from '@sealgate/vault';
import type { Caller } from '../../caller.ts';
import type { McpAddress } from '../../domain/mcp-address.ts';
import { refuse } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { Owners, Passage } from '../owner/owners.ts';
import { auditContext } from '../use.ts';
import type { LegacySession } from './legacy-session.ts';
import { makeSession } from './make-session.ts';
import type { SessionLimits } from './session-limits.ts';
import type { SessionRecord, SessionRecords } from './session-record.ts';
import type { OpenTarget } from './target.ts';

// The sessions that this instance serves, by id, beside their records: what is in the table lives here, what is in the
// records lives somewhere. A record that was ended or taken over elsewhere ends the session here.

/** What sessions need. */
export interface SessionsParts {
  readonly records: Records;
  readonly sealer: Sealer;
  /** The target of an address; its upstream is the caller's group's. @throws Refusal `upstream_unknown` */
  readonly openTarget: (caller: Caller, address: McpAddress) => OpenTarget;
  readonly audit: Audit;
  readonly owners: Pick<Owners, 'self' | 'pass'>;
  readonly limits: SessionLimits;
  /** Lowest protocol revision that is served. */
  readonly minVersion: string;
  readonly now: () => number;
  /** A fresh session id: unguessable, visible ASCII. */
  readonly sessionId: () => string;
  readonly log: Log;
}

/** The sessions of this instance. */
export interface SessionTable {
  readonly sessions: ReadonlyMap<string, LegacySession>;
  /** Make a session of a record; it is not in the table yet. @param revision of the stored record; `undefined`: nothing is stored */
  make(id: string, passage: Passage, record: SessionRecord, revision?: Revision): LegacySession;
  /** Make room for one more. @throws Refusal `overloaded` */
  makeRoom(caller: Caller): Promise<void>;
  add(session: LegacySession): void;
  /** It was used: its end moves, once a minute at most. */
  touch(session: LegacySession): void;
  /** End it for good and for every instance. @throws Refusal `store_unavailable`, `audit_unavailable`; it has ended here all the same */
  end(session: LegacySession, by?: Passage): Promise<void>;
  /** When a record written now has to end. */
  endsAtMs(): number;
  /** Until when an ended session stays barred: longer than any write that began before it ended. */
  barredUntilMs(): number;
  /** Stop serving all; what can be resumed may go on elsewhere. */
  close(): Promise<void>;
}

/** No session is open yet. */
export function openSessionTable(parts: SessionsParts, stored: SessionRecords): SessionTable {
  const { limits, now, log } = parts;
  const sessions = new Map<string, LegacySession>();
  const idleMs = limits.sessionIdleSeconds * 1000;
  const extendMs = Math.min(60_000, idleMs / 2);
  const endsAtMs = (): number => Math.ceil(now() + idleMs + 2 * extendMs);
  const drop = async (session: LegacySession): Promise<void> => {
    if (!sessions.delete(session.id)) return;
    await session.close().catch((error: unknown) => log.warn({ err: error }, 'a session did not close'));
  };
  const extend = (session: LegacySession): void => {
    if (now() - session.extendedAtMs < extendMs) return;
    session.extendedAtMs = now();
    void stored.extend(session.record.principal, session.id, endsAtMs()).then(
      (lives) => (lives ? undefined : drop(session)),
      (error: unknown) => log.warn({ err: error }, 'a session could not be extended'),
    );
  };
  const table: SessionTable = {
    sessions,
    make: (id, passage, record, revision) =>
      makeSession({ parts, stored, endsAtMs, drop }, passage, { id, record, revision }),
    async makeRoom({ tenant, subject }) {
      const crowded = crowd(limits, [...sessions.values()], (session) => {
        const { principal } = session.record;
        return principal.tenant === tenant && principal.subject === subject;
      });
      if (crowded === undefined) return;
      const [oldest] = crowded.filter(isIdle).toSorted((a, b) => a.lastUsedMs - b.lastUsedMs);
      if (oldest === undefined)
        throw refuse('overloaded', 'too many sessions are open; close one or try again later');
      await table.end(oldest);
    },
    add: (session) => void sessions.set(session.id, session),
    touch(session) {
      session.lastUsedMs = now();
      extend(session);
    },
    async end(session, by) {
      const { principal } = session.record;
      const closing = drop(session);
      const barring = stored.bar(principal, session.id, table.barredUntilMs());
      const outcomes = await Promise.allSettled([barring, noteEnd(parts, session, by), closing]);
      await session.events.close();
      for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    },
    endsAtMs,
    barredUntilMs: () => Math.ceil(endsAtMs() + 3600_000),
    async close() {
      clearInterval(sweep);
      const open = [...sessions.values()];
      sessions.clear();
      // What can be resumed is left as it is, upstream too: a DELETE there would end it for whoever takes it over.
      await Promise.allSettled(open.map((session) => session.close()));
    },
  };
  const sweep = startSweep(parts, table);
  return table;
}

function startSweep({ limits, now, log }: SessionsParts, table: SessionTable): NodeJS.Timeout {
  const idleMs = limits.sessionIdleSeconds * 1000;
  const sweep = (): void => {
    for (const session of table.sessions.values()) {
      session.events.trim();
      if (!isIdle(session)) table.touch(session);
      else if (now() - session.lastUsedMs > idleMs)
        table.end(session).catch((error: unknown) => log.warn({ err: error }, 'an idle session did not end'));
    }
  };
  return setInterval(sweep, Math.min(60_000, idleMs)).unref();
}

function isIdle(session: LegacySession): boolean {
  return session.uses === 0;
}

function crowd(
  limits: SessionLimits,
  all: readonly LegacySession[],
  isOwn: (session: LegacySession) => boolean,
): readonly LegacySession[] | undefined {
  const own = all.filter(isOwn);
  if (own.length >= limits.sessionsPerPersonMax) return own;
  return all.length >= limits.sessionsMax ? all : undefined;
}

async function noteEnd({ audit }: SessionsParts, session: LegacySession, by?: Passage): Promise<void> {
  const context = auditContext(by?.caller ?? session.caller, by?.correlation ?? session.id);
  const receipt = await audit.record('strict', context, {
    act: 'session.close',
    ...aimOf(session.record.upstream),
  });
  audit.outcome(receipt.entry, context, { out: 'success' });
}

/** What a session is about, for the journal. */
export function aimOf(upstream: string | undefined): { readonly object: string; readonly service?: string } {
  return upstream === undefined
    ? { object: 'upstreams' }
    : { object: `upstream:${upstream}`, service: upstream };
}
