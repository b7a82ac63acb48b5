import { Refusal, refuse } from '../refusal.ts';
import { fillNonce } from '../seal/nonces.ts';
import { everyPage } from '../store/every-page.ts';
import type { Records, StoredRecord } from '../store/records.ts';
import { carrierOf, readingMember, readingOf, remember, type Reading } from './reading.ts';
import { endOf, hasEnd, textOf, valueFrom, type SessionValue } from './session-value.ts';
import { bytesOf, sessionFrom } from './stored-session.ts';

// Sessions over records. A session that was read is saved over what was read, or over what somebody saved since (the last
// one wins), but never over nothing: who has logged out stays out, however slow a request is. A session that was not read
// here is made, unless its id was destroyed. One that did not change is not written; only its end moves.

/** How sessions are kept. */
export interface SessionRules {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Life of a session whose cookie ends with the browser. */
  readonly ttlMs: number;
  /** An end that moves by less is left alone. */
  readonly extendEveryMs: number;
  /** How long a destroyed id cannot be used again. */
  readonly barMs: number;
  /** Whether a save over what somebody else saved since is refused. */
  readonly strict: boolean;
  readonly userOf: (session: object) => string | undefined;
  readonly warn: (message: string, detail: string) => void;
}

/** Sessions by their id. */
export interface Sessions {
  get(sessionId: string): Promise<SessionValue | undefined>;
  set(sessionId: string, session: object): Promise<void>;
  touch(sessionId: string, session: object): Promise<void>;
  destroy(sessionId: string): Promise<void>;
  ids(): AsyncGenerator<string>;
  idsOf(user: string): AsyncGenerator<string>;
}

/** Each lost attempt is somebody else's save; so many in a row is a store that does not answer truthfully. */
const attemptsMax = 50;
const pageLimit = 100;

/** Sessions in these records. */
export function openSessions(records: Records, rules: SessionRules): Sessions {
  const moveEnd = endMover(records, rules);
  return {
    async get(sessionId) {
      const found = await readable(rules, () => records.get(sessionId), sessionId);
      return found && (await readable(rules, async () => loaded(sessionId, found), sessionId));
    },
    async set(sessionId, session) {
      const text = textOf(session);
      const endsAtMs = endOf(session, rules.now(), rules.ttlMs);
      if (endsAtMs <= rules.now()) return void (await records.take(sessionId));
      const reading = readingOf(sessionId, session);
      if (reading?.text === text) return moveEnd(session, reading, endsAtMs);
      const generation = reading?.generation ?? freshGeneration();
      const user = rules.userOf(session);
      const write = { endsAtMs, owners: user === undefined ? [] : [user] };
      const save = async (guard?: { readonly ifRevision: string }): Promise<string | undefined> => {
        const bytes = bytesOf({ generation, ends: hasEnd(session), text });
        const guarded = guard === undefined ? write : { ...write, guard };
        return records.put(sessionId, bytes, guarded).finally(() => bytes.fill(0));
      };
      const revision =
        reading === undefined ? await save() : await saveOver({ records, rules, reading, save });
      if (revision === undefined) return rules.warn('a save of a session that is gone was left out', 'set');
      remember(session, { sessionId, generation, revision, text, endsAtMs });
    },
    async touch(sessionId, session) {
      const endsAtMs = endOf(session, rules.now(), rules.ttlMs);
      const reading = readingOf(sessionId, session);
      if (reading !== undefined) return moveEnd(session, reading, endsAtMs);
      if (endsAtMs > rules.now()) await records.extend(sessionId, endsAtMs);
    },
    destroy: (sessionId) => records.bar(sessionId, rules.now() + rules.barMs),
    ids: () => namesOf((from) => records.scan({ limit: pageLimit, ...from })),
    idsOf: (user) => namesOf((from) => records.list(user, { limit: pageLimit, ...from })),
  };
}

function freshGeneration(): string {
  const bytes = Buffer.allocUnsafe(12);
  fillNonce(bytes);
  return bytes.toString('base64url');
}

// What is unreadable is no session, and no reason to fail a request; a store that does not answer is one.
async function readable<V>(
  { warn }: SessionRules,
  read: () => Promise<V>,
  sessionId: string,
): Promise<V | undefined> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    // An id that no record can have: whoever sent it has no session.
    if (error.code === 'item_invalid' && (typeof sessionId !== 'string' || !fits(sessionId)))
      return undefined;
    if (error.code !== 'open_failed' && error.code !== 'record_version_unknown') throw error;
    warn('a session that cannot be opened was left out', `${error.code}: ${error.detail ?? ''}`);
    return undefined;
  }
}

function fits(sessionId: string): boolean {
  return sessionId !== '' && sessionId.isWellFormed() && Buffer.byteLength(sessionId) <= 512;
}

function loaded(sessionId: string, { bytes, revision, endsAtMs }: StoredRecord): SessionValue {
  const { generation, ends, text } = sessionFrom(bytes);
  const value = valueFrom(text, endsAtMs, ends);
  const reading = { sessionId, generation, revision, text, endsAtMs };
  value.cookie[readingMember] = carrierOf(reading);
  return value;
}

function endMover(records: Records, rules: SessionRules) {
  return async (session: object, reading: Reading, endsAtMs: number): Promise<void> => {
    const movesMs = endsAtMs - reading.endsAtMs;
    // Of a life of three minutes, a minute is too much to be left alone.
    const leastMs = Math.min(rules.extendEveryMs, (endsAtMs - rules.now()) / 10);
    if (movesMs >= 0 && movesMs < leastMs) return;
    if (endsAtMs <= rules.now()) return void (await records.take(reading.sessionId));
    if (await records.extend(reading.sessionId, endsAtMs)) remember(session, { ...reading, endsAtMs });
  };
}

interface Save {
  readonly records: Records;
  readonly rules: SessionRules;
  readonly reading: Reading;
  readonly save: (guard: { readonly ifRevision: string }) => Promise<string | undefined>;
}

async function saveOver({ records, rules, reading, save }: Save): Promise<string | undefined> {
  let over = reading.revision;
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const revision = await save({ ifRevision: over });
    if (revision !== undefined) return revision;
    const there = await records.get(reading.sessionId);
    if (there === undefined || sessionFrom(there.bytes).generation !== reading.generation) return undefined;
    if (rules.strict)
      throw refuse('session_changed', 'the session was changed by another request; read it again and retry');
    over = there.revision;
  }
  throw refuse('store_unavailable', 'the session is changed too often', `${attemptsMax} attempts lost`);
}

async function* namesOf(
  read: (from: { readonly cursor?: string }) => ReturnType<Records['scan']>,
): AsyncGenerator<string> {
  for await (const { names } of everyPage(read)) yield* names;
}
