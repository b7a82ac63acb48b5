import { systemTenant } from '../keys/system-tenant.ts';
import type { Sealer } from '../keys/sealer.ts';
import { sealedRecords } from '../keys/sealed-records.ts';
import { refuse } from '../refusal.ts';
import { everyPage } from '../store/every-page.ts';
import { memoryRecords, type MemoryRecords } from '../store/memory/records.ts';
import type { RedisAddress } from '../store/redis/address.ts';
import type { Records } from '../store/records.ts';

// Who is behind an MCP session. A session is made for somebody and never changes hands: it can be read, and closed. On
// Redis, what is kept is sealed and its id blinded; a Redis that is named but cannot be reached is an error, never memory.

const dayMs = 24 * 60 * 60 * 1000;
const sweepEveryMs = 60 * 60 * 1000;

/** A session, and what its caller was let in with. */
export interface ManagedSession<A> {
  readonly sessionId: string;
  readonly authInfo: A;
  /** Milliseconds since 1970. */
  readonly createdAtMs: number;
}

/**
 * Sessions by their id. `A` is whatever describes the caller and has a JSON form.
 *
 * Every method throws Refusal `store_unavailable`, `key_unavailable`, `item_invalid` (an id or a caller outside the rules of records).
 */
export interface SessionManager<A = unknown> {
  /** `undefined`: there is a session of this id, or was one within the last day. Nobody takes over a session. */
  createSession(authInfo: A, sessionId: string): Promise<ManagedSession<A> | undefined>;
  /** `undefined`: unknown, closed, or over. Reading does not make it live longer. @throws Refusal also `open_failed` */
  getSession(sessionId: string): Promise<ManagedSession<A> | undefined>;
  /** Its id cannot be used again for a day. */
  closeSession(sessionId: string): Promise<void>;
  /** How many there are; reads all of them. */
  countSessions(): Promise<number>;
  /** Close the manager; sessions on Redis stay. */
  close(): Promise<void>;
}

/** Where sessions are kept. */
export interface SessionManagerOptions {
  /** `undefined`: in memory, for one process. */
  readonly redis?: RedisAddress | undefined;
  /** Seals what lies on Redis; needed with `redis`. */
  readonly sealer?: Sealer | undefined;
  /** Life of a session; 24 hours when not given. */
  readonly ttlSeconds?: number | undefined;
  /** Milliseconds since 1970; the system's clock when not given. */
  readonly now?: (() => number) | undefined;
  /** Put before every key of Redis; `sealgate:` when not given. */
  readonly prefix?: string | undefined;
}

/**
 * Open the sessions.
 *
 * @throws Refusal `store_unavailable` when the Redis that is named cannot be reached, `store_insecure` when it must not be
 *   used, `context_invalid` for Redis without a sealer
 */
export async function createSessionManager<A = unknown>(
  options: SessionManagerOptions = {},
): Promise<SessionManager<A>> {
  const { ttlSeconds = dayMs / 1000, now = Date.now } = options;
  const { records, close } = options.redis === undefined ? inMemory(now) : await onRedis(options, now);
  return {
    async createSession(authInfo, sessionId) {
      const createdAtMs = now();
      const bytes = Buffer.from(JSON.stringify({ v: 1, authInfo, createdAtMs }));
      const endsAtMs = createdAtMs + ttlSeconds * 1000;
      const revision = await records.put(sessionId, bytes, { endsAtMs, guard: { ifAbsent: true } });
      return revision === undefined ? undefined : { sessionId, authInfo, createdAtMs };
    },
    async getSession(sessionId) {
      const record = await records.get(sessionId);
      if (record === undefined) return undefined;
      const { authInfo, createdAtMs } = JSON.parse(Buffer.from(record.bytes).toString()) as ManagedSession<A>;
      return { sessionId, authInfo, createdAtMs };
    },
    closeSession: (sessionId) => records.bar(sessionId, now() + dayMs),
    countSessions: () => count(records),
    close,
  };
}

interface Opened {
  readonly records: Records;
  close(): Promise<void>;
}

function inMemory(now: () => number): Opened {
  const records = memoryRecords({ now });
  const sweep = setInterval(() => sweepAll(records), sweepEveryMs).unref();
  const close = async (): Promise<void> => {
    clearInterval(sweep);
    await records.close();
  };
  return { records, close };
}

function sweepAll(records: MemoryRecords): void {
  let before = Infinity;
  while (records.size < before) {
    before = records.size;
    records.sweep();
  }
}

async function onRedis({ redis, sealer, prefix }: SessionManagerOptions, now: () => number): Promise<Opened> {
  if (redis === undefined || sealer === undefined)
    throw refuse('context_invalid', 'sessions on Redis need a sealer: nothing is kept there in clear');
  // Loaded when it is named: `@redis/client` is an optional dependency.
  const [{ openRedis }, { redisRecords }] = await Promise.all([
    import('../store/redis/server.ts'),
    import('../store/redis/records.ts'),
  ]);
  const server = await openRedis(redis);
  const inner = redisRecords(server, { now, prefix });
  const records = sealedRecords(inner, sealer, {
    kind: 'session',
    table: 'mcp_callers',
    tenant: systemTenant,
  });
  const close = async (): Promise<void> => {
    await records.close();
    await server.close();
  };
  return { records, close };
}

async function count(records: Records): Promise<number> {
  let found = 0;
  for await (const { names } of everyPage((from) => records.scan({ limit: 500, ...from })))
    found += names.length;
  return found;
}
