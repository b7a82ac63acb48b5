import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';

type Done = (error?: unknown, value?: unknown) => void;

/** A session store as express-session and `@fastify/session` call one. */
export interface SessionStoreToProve {
  get(sessionId: string, callback: Done): void;
  set(sessionId: string, session: object, callback: Done): void;
  touch(sessionId: string, session: object, callback: Done): void;
  destroy(sessionId: string, callback: Done): void;
  all?(callback: Done): void;
  length?(callback: Done): void;
  clear?(callback: Done): void;
}

/** An empty store, as a case needs it. */
export interface OpenedSessionStore {
  readonly store: SessionStoreToProve;
  /** Close the store and remove what it keeps. */
  close(): Promise<void>;
}

/** Opens an empty session store. */
export type OpenSessionStore = () => Promise<OpenedSessionStore>;

/** One promise of a session store. `run` throws an assertion error when the store breaks it. */
export interface SessionStoreCase {
  readonly name: string;
  run(open: OpenSessionStore): Promise<void>;
}

/** A session as a test compares it. */
export type AnySession = Record<string, unknown> & { cookie: Record<string, unknown> };

/** The store in promises. A call that is not answered within ten seconds fails, and so does a second answer. */
export interface AskedStore {
  get(sessionId: string): Promise<AnySession | undefined>;
  set(sessionId: string, session: object): Promise<void>;
  touch(sessionId: string, session: object): Promise<void>;
  destroy(sessionId: string): Promise<void>;
  all(): Promise<readonly object[]>;
  length(): Promise<number>;
  clear(): Promise<void>;
}

const answerMsMax = 10_000;

/** A case that opens a store, runs, and closes it whatever happens. */
export function onSessions(name: string, body: (store: AskedStore) => Promise<void>): SessionStoreCase {
  return {
    name,
    async run(open) {
      const { store, close } = await open();
      const answers = { repeated: 0 };
      try {
        await body(asked(store, answers));
        assert.equal(answers.repeated, 0, 'a callback was called more than once');
      } finally {
        await close();
      }
    },
  };
}

/** An id that no other case uses. */
export function newId(): string {
  return randomUUID().replaceAll('-', '');
}

/** A session that ends after `maxAgeMs`, as express-session saves one. */
export function sessionWith(values: object, maxAgeMs: number | null = 3_600_000): AnySession {
  const expires = maxAgeMs === null ? null : new Date(Date.now() + maxAgeMs);
  return { cookie: { originalMaxAge: maxAgeMs, expires, httpOnly: true, path: '/' }, ...values };
}

/** What the application keeps in a session. */
export function valuesOf(session: AnySession | undefined): object | undefined {
  if (session === undefined) return undefined;
  const { cookie: _, ...values } = JSON.parse(JSON.stringify(session)) as AnySession;
  return values;
}

function asked(store: SessionStoreToProve, answers: { repeated: number }): AskedStore {
  const ask = <V>(name: string, call: (done: Done) => void): Promise<V> =>
    new Promise<V>((resolve, reject) => {
      let answered = false;
      const timer = setTimeout(
        () => reject(new assert.AssertionError({ message: `${name} never calls back` })),
        answerMsMax,
      );
      call((error, value) => {
        clearTimeout(timer);
        if (answered) answers.repeated += 1;
        answered = true;
        if (error) reject(error instanceof Error ? error : new Error('an error that is none'));
        else resolve((value ?? undefined) as V);
      });
    });
  const optional = (name: 'all' | 'length' | 'clear') => {
    assert.equal(typeof store[name], 'function', `the store has no ${name}`);
    return (done: Done): void => store[name]?.(done);
  };
  return {
    get: (sessionId) => ask('get', (done) => store.get(sessionId, done)),
    set: (sessionId, session) => ask('set', (done) => store.set(sessionId, session, done)),
    touch: (sessionId, session) => ask('touch', (done) => store.touch(sessionId, session, done)),
    destroy: (sessionId) => ask('destroy', (done) => store.destroy(sessionId, done)),
    all: async () => ask('all', optional('all')),
    length: async () => ask('length', optional('length')),
    clear: async () => ask('clear', optional('clear')),
  };
}
