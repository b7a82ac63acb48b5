import { isOf, type Caller } from '../../caller.ts';
import { refuse } from '../../errors.ts';
import type { Passage } from '../owner/owners.ts';
import { auditContext } from '../use.ts';
import type { LegacySession } from './legacy-session.ts';
import { makeSession, type Made } from './make-session.ts';
import type { SessionsParts } from './session-parts.ts';
import type { SessionRecords } from './session-record.ts';

// The sessions that this instance serves, by id, beside their records: what is in the table lives here, what is in the
// records lives somewhere. A record that was ended or taken over elsewhere ends the session here.

/** The sessions of this instance. */
export interface SessionTable {
  readonly sessions: ReadonlyMap<string, LegacySession>;
  /** Make a session of a record; it is not in the table yet. @throws Refusal `upstream_unknown` */
  make(passage: Passage, made: Made): LegacySession;
  /**
   * Make room for one more, which is kept free until the returned function is called.
   *
   * @throws Refusal `overloaded`
   */
  makeRoom(caller: Caller): Promise<() => void>;
  add(session: LegacySession): void;
  /** It was used: its end moves, once a minute at most. */
  touch(session: LegacySession): void;
  /** End it for good and for every instance. @throws Refusal `store_unavailable`, `audit_unavailable`; it has ended here all the same */
  end(session: LegacySession, by?: Passage): Promise<void>;
  /** When a record written now has to end. */
  endsAtMs(): number;
  /** Until when an ended session stays barred: longer than any write that began before it ended. */
  barredUntilMs(): number;
  /** What is served here may be gone from the records: store it again. */
  renew(): Promise<void>;
  /** Others may own the sessions from now on: their news are left to them. What comes here is served as before. */
  leave(): Promise<void>;
  /** Stop serving all; what can be resumed may go on elsewhere, or here after a restart. */
  close(): Promise<void>;
}

interface State {
  readonly parts: SessionsParts;
  readonly stored: SessionRecords;
  readonly sessions: Map<string, LegacySession>;
  /** For whom a place is kept free: what is being opened counts like what is open. */
  readonly opening: Set<Pick<Caller, 'tenant' | 'subject'>>;
  readonly idleMs: number;
  readonly extendMs: number;
  leaving: boolean;
}

function emptyState(parts: SessionsParts, stored: SessionRecords): State {
  const idleMs = parts.limits.sessionIdleSeconds * 1000;
  const extendMs = Math.min(60_000, idleMs / 2);
  return { parts, stored, sessions: new Map(), opening: new Set(), idleMs, extendMs, leaving: false };
}

/** No session is open yet. */
export function openSessionTable(parts: SessionsParts, stored: SessionRecords): SessionTable {
  const state = emptyState(parts, stored);
  const { sessions } = state;
  const making = {
    parts,
    stored,
    endsAtMs: () => endOf(state),
    lost: (session: LegacySession) => lose(state, session),
  };
  const table: SessionTable = {
    sessions,
    make: (passage, made) => makeSession(making, passage, made),
    async makeRoom(caller) {
      const oldest = crowding(state, caller);
      const place = { tenant: caller.tenant, subject: caller.subject };
      state.opening.add(place);
      const free = (): void => void state.opening.delete(place);
      if (oldest !== undefined)
        await table.end(oldest).catch((error: unknown) => (free(), Promise.reject(error)));
      return free;
    },
    add(session) {
      sessions.set(session.id, session);
      if (state.leaving) void rest(state, session);
    },
    touch: (session) => touch(state, session),
    end: (session, by) => end(state, session, by),
    endsAtMs: () => endOf(state),
    barredUntilMs: () => endOf(state) + 3600_000,
    renew: () => renew(state),
    leave: () => leave(state),
    async close() {
      clearInterval(sweep);
      const open = [...sessions.values()];
      sessions.clear();
      await Promise.allSettled(open.map((session) => session.close({ resumable: true })));
    },
  };
  const sweep = startSweep(state, table);
  return table;
}

/** What a session is about, for the journal. */
export function aimOf(upstream: string | undefined): { readonly object: string; readonly service?: string } {
  return upstream === undefined
    ? { object: 'upstreams' }
    : { object: `upstream:${upstream}`, service: upstream };
}

// An idle session is ended before its record is gone by itself.
function endOf({ parts, idleMs, extendMs }: State): number {
  return Math.ceil(parts.now() + idleMs + 2 * extendMs);
}

async function drop({ sessions, parts }: State, session: LegacySession, resumable: boolean): Promise<void> {
  if (sessions.get(session.id) === session) sessions.delete(session.id);
  await session
    .close({ resumable })
    .catch((error: unknown) => parts.log.warn({ err: error }, 'a session did not close'));
}

async function leave(state: State): Promise<void> {
  state.leaving = true;
  await Promise.all([...state.sessions.values()].map((session) => rest(state, session)));
}

async function rest({ parts }: State, session: LegacySession): Promise<void> {
  await session
    .rest()
    .catch((error: unknown) => parts.log.warn({ err: error }, 'a session could not be left in order'));
}

// What was taken over goes on with the same upstream session, which must not be ended then. Whoever waits for an answer of
// this instance gets it: a request that may have taken effect is not sent again anywhere.
async function lose(state: State, session: LegacySession): Promise<void> {
  const { sessions, stored, parts } = state;
  const { principal } = session.record;
  const elsewhere = await stored.load(principal, session.id).catch(() => undefined);
  if (elsewhere === undefined) return drop(state, session, false);
  if (sessions.get(session.id) === session) sessions.delete(session.id);
  session
    .handOver()
    .catch((error: unknown) => parts.log.warn({ err: error }, 'a session was not handed over in order'));
}

function touch(state: State, session: LegacySession): void {
  const { parts, stored } = state;
  const nowMs = parts.now();
  session.lastUsedMs = nowMs;
  if (nowMs - session.extendedAtMs < state.extendMs) return;
  session.extendedAtMs = nowMs;
  void stored
    .extend(session.record.principal, session.id, endOf(state))
    // Whether it was ended, or the records have lost it, is found out by storing it.
    .then((lives) => lives || session.store())
    .catch((error: unknown) => parts.log.warn({ err: error }, 'a session could not be extended'));
}

async function renew({ parts, sessions }: State): Promise<void> {
  for (const session of sessions.values())
    await session
      .store()
      .catch((error: unknown) => parts.log.warn({ err: error }, 'a session could not be stored again'));
}

async function end(state: State, session: LegacySession, by: Passage | undefined): Promise<void> {
  const { parts, stored, sessions } = state;
  sessions.delete(session.id);
  const { principal } = session.record;
  const outcomes = await Promise.allSettled([
    stored.bar(principal, session.id, endOf(state) + 3600_000),
    noteEnd(parts, session, by),
    drop(state, session, false),
  ]);
  await session.events.close();
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
}

async function noteEnd({ audit }: SessionsParts, session: LegacySession, by?: Passage): Promise<void> {
  const context = auditContext(by?.caller ?? session.caller, by?.correlation ?? session.correlation);
  const aim = aimOf(session.record.upstream);
  const receipt = await audit.record('strict', context, { act: 'session.close', ...aim });
  audit.outcome(receipt.entry, context, { out: 'success' });
}

function startSweep({ parts, idleMs }: State, table: SessionTable): NodeJS.Timeout {
  const { log, now } = parts;
  const sweep = (): void => {
    for (const session of table.sessions.values()) {
      session.events.trim();
      if (!isIdle(session)) table.touch(session);
      else if (now() - session.lastUsedMs > idleMs)
        table
          .end(session)
          .catch((error: unknown) => log.warn({ err: error }, 'an idle session was not ended cleanly'));
    }
  };
  return setInterval(sweep, Math.min(60_000, idleMs)).unref();
}

function isIdle(session: LegacySession): boolean {
  return session.uses === 0;
}

/** The session that has to make room for one more of the caller; `undefined`: there is room. */
function crowding(
  { sessions, opening, parts: { limits } }: State,
  { tenant, subject }: Caller,
): LegacySession | undefined {
  const whose = { tenant, subject };
  const all = [...sessions.values()];
  const own = all.filter(({ record: { principal } }) => isOf(principal, whose));
  const ownOpening = [...opening].filter((one) => one.tenant === tenant && one.subject === subject).length;
  const crowded =
    own.length + ownOpening >= limits.sessionsPerPersonMax
      ? own
      : all.length + opening.size >= limits.sessionsMax
        ? all
        : undefined;
  if (crowded === undefined) return undefined;
  const [oldest] = crowded.filter(isIdle).toSorted((a, b) => a.lastUsedMs - b.lastUsedMs);
  if (oldest === undefined)
    throw refuse('overloaded', 'too many sessions are open; close one or try again later');
  return oldest;
}
