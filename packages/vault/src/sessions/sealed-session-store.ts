import { EventEmitter } from 'node:events';
import { refuse } from '../refusal.ts';
import { inflaterFrom, type Generate, type Inflate, type SessionRequest } from './framework.ts';
import type { SessionValue } from './session-value.ts';
import type { Sessions } from './sessions.ts';

/** Called exactly once. `error` is `null` when all went well. */
export type SessionCallback<V = void> = (error: unknown, value?: V) => void;

/** A session of {@link SealedSessionStore.all}, with its id. */
export type IdentifiedSession = SessionValue & { readonly id: string };

/** What a store runs on. */
export interface SessionStoreParts {
  readonly sessions: Sessions;
  /** Ends what the store has opened. */
  close(): Promise<void>;
}

/** Sessions opened at once by `all`. */
const atOnce = 32;

/**
 * The store contract of express-session, also in promises: without a callback a method returns one. A class because
 * frameworks expect `new`, and an event emitter because express-session subscribes to its store.
 *
 * Errors, to the callback or the promise: `Refusal` with `store_unavailable` (also after the configured time),
 * `key_unavailable`, `session_changed` (strict only), `item_invalid` (an id or a session outside the rules of records);
 * `TypeError` for a session that has no JSON.
 */
export class SealedSessionStore extends EventEmitter {
  /** Set by express-session. */
  generate?: Generate;
  readonly #parts: Promise<SessionStoreParts>;
  readonly #timeoutMs: number;
  #inflate: Inflate | undefined;

  /** Opened without a wait; what goes wrong reaches every call. */
  constructor(parts: Promise<SessionStoreParts>, timeoutMs = 5000) {
    super();
    this.#parts = parts;
    this.#timeoutMs = timeoutMs;
    parts.catch(() => undefined);
  }

  /** `undefined` when there is none: ended, destroyed, never made, or unreadable (then it is told to `warn`). */
  get(sessionId: string): Promise<SessionValue | undefined>;
  get(sessionId: string, callback: SessionCallback<SessionValue | undefined>): void;
  get(sessionId: string, callback?: SessionCallback<SessionValue | undefined>): unknown {
    return this.#answer((sessions) => sessions.get(sessionId), callback);
  }

  /** Save. A session that was read here and is gone by now stays gone, and that is no error. */
  set(sessionId: string, session: object): Promise<void>;
  set(sessionId: string, session: object, callback: SessionCallback | undefined): void;
  set(sessionId: string, session: object, callback?: SessionCallback): unknown {
    return this.#answer((sessions) => sessions.set(sessionId, session), callback);
  }

  /** Move the end to that of the session's cookie. */
  touch(sessionId: string, session: object): Promise<void>;
  touch(sessionId: string, session: object, callback: SessionCallback | undefined): void;
  touch(sessionId: string, session: object, callback?: SessionCallback): unknown {
    return this.#answer((sessions) => sessions.touch(sessionId, session), callback);
  }

  /** End the session; saves that are under way do not bring it back. */
  destroy(sessionId: string): Promise<void>;
  destroy(sessionId: string, callback: SessionCallback | undefined): void;
  destroy(sessionId: string, callback?: SessionCallback): unknown {
    return this.#answer((sessions) => sessions.destroy(sessionId), callback);
  }

  /** Every living session. Reads the whole store: for administration. */
  all(): Promise<IdentifiedSession[]>;
  all(callback: SessionCallback<IdentifiedSession[]>): void;
  all(callback?: SessionCallback<IdentifiedSession[]>): unknown {
    return this.#answer(allOf, callback, true);
  }

  /** How many live. Reads the whole store: for administration. */
  length(): Promise<number>;
  length(callback: SessionCallback<number>): void;
  length(callback?: SessionCallback<number>): unknown {
    return this.#answer((sessions) => visit(sessions.ids(), async () => undefined), callback, true);
  }

  /** End every session. */
  clear(): Promise<void>;
  clear(callback: SessionCallback | undefined): void;
  clear(callback?: SessionCallback): unknown {
    const work = async (sessions: Sessions): Promise<void> =>
      void (await visit(sessions.ids(), (id) => sessions.destroy(id)));
    return this.#answer(work, callback, true);
  }

  /** End every session of a user (`userOf`). Resolves with how many there were. */
  destroyAllForUser(user: string): Promise<number>;
  destroyAllForUser(user: string, callback: SessionCallback<number>): void;
  destroyAllForUser(user: string, callback?: SessionCallback<number>): unknown {
    const work = (sessions: Sessions) => visit(sessions.idsOf(user), (id) => sessions.destroy(id));
    return this.#answer(work, callback, true);
  }

  /** A new session in the place of the request's; called by express-session. */
  regenerate(request: SessionRequest, callback: SessionCallback): void {
    this.destroy(request.sessionID ?? '', (error) => {
      this.generate?.(request);
      callback(error);
    });
  }

  /** Read the session and make it express-session's. */
  load(sessionId: string, callback: SessionCallback<object | undefined>): void {
    this.get(sessionId, (error, value) => {
      if (value === undefined) return callback(error);
      const request = { sessionID: sessionId, sessionStore: this };
      callback(null, this.createSession(request, value));
    });
  }

  /** The request's session from a value that was read; called by express-session. */
  createSession(request: SessionRequest, value: SessionValue): object {
    if (this.generate === undefined) throw new TypeError('the store is not in use by express-session');
    this.#inflate ??= inflaterFrom(this.generate, request);
    return this.#inflate(request, value);
  }

  /** Close what the store has opened. */
  async close(): Promise<void> {
    await (await this.#parts).close();
  }

  // A pass over the whole store takes as long as it takes: each of its steps is bounded by the store itself.
  #answer<V>(
    work: (sessions: Sessions) => Promise<V>,
    callback?: SessionCallback<V>,
    whole = false,
  ): unknown {
    const asked = this.#parts.then(({ sessions }) => work(sessions));
    const answer = whole ? asked : within(this.#timeoutMs, asked);
    if (callback === undefined) return answer;
    // Outside of the promise: what a callback throws is its own, and never calls it again.
    answer.then(
      (value) => process.nextTick(callback, null, value),
      (error: unknown) => process.nextTick(callback, error),
    );
    return undefined;
  }
}

async function allOf(sessions: Sessions): Promise<IdentifiedSession[]> {
  const found: IdentifiedSession[] = [];
  await visit(sessions.ids(), async (id) => {
    const session = await sessions.get(id);
    if (session !== undefined) found.push({ ...session, id });
  });
  return found;
}

async function visit(ids: AsyncIterable<string>, each: (id: string) => Promise<void>): Promise<number> {
  let count = 0;
  let batch: Promise<void>[] = [];
  for await (const id of ids) {
    count += 1;
    batch.push(each(id));
    if (batch.length < atOnce) continue;
    await Promise.all(batch);
    batch = [];
  }
  await Promise.all(batch);
  return count;
}

function within<V>(timeoutMs: number, asked: Promise<V>): Promise<V> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(refuse('store_unavailable', 'the session store does not answer', `after ${timeoutMs} ms`));
    }, timeoutMs);
    asked.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error as Error);
      },
    );
  });
}
