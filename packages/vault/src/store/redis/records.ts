import { randomBytes } from 'node:crypto';
import { readCursor, writeCursor } from '../cursor.ts';
import { checkedLimit } from '../query-rules.ts';
import { checkedName, checkedOwner } from '../record-rules.ts';
import type { Records } from '../records.ts';
import { scanNames } from './name-scan.ts';
import { ownersOn, placeOfEntry, type Owners } from './owners.ts';
import { recordWrites, type Keys } from './record-writes.ts';
import { headBytes, readHead, readRecord } from './record-text.ts';
import type { RedisServer } from './server.ts';

// Records in Redis: a value for each name, a sorted set for each owner. One script changes one key, so a cluster may put
// them where it likes. Redis drops what has ended by itself; whether something has ended is decided by our clock.

/** What {@link redisRecords} needs from outside. */
export interface RedisRecordsOptions {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Random bytes for revisions; `node:crypto` when not given. */
  readonly random?: ((bytes: number) => Uint8Array) | undefined;
  /** Put before every key, for a Redis that others use too; `sealgate:` when not given. */
  readonly prefix?: string | undefined;
}

/** Random bytes drawn at once, for a hundred revisions. */
const drawnBytes = 1500;

/** Records in Redis. Closing them does not close Redis. What they lose with it: see `docs/operate.md`. */
export function redisRecords(
  redis: RedisServer,
  { now, random = drawnAhead(), prefix = 'sealgate:' }: RedisRecordsOptions,
): Records {
  const owners = ownersOn(redis, (owner) => `${prefix}o:${owner}`, now);
  const keys: Keys = {
    keyOf: (name) => `${prefix}r:${name}`,
    revise: () => Buffer.from(random(15)).toString('base64url'),
    now,
  };
  return {
    ...recordWrites(redis, owners, keys),
    async get(name) {
      const key = keys.keyOf(checkedName(name));
      const value = (await redis.send(key, ['GET', key])) as Buffer | null;
      const record = value === null ? undefined : readRecord(value);
      return record !== undefined && record.endsAtMs > now() ? record : undefined;
    },
    ...listsOf(redis, owners, keys),
    async close() {
      await owners.settle();
    },
  };
}

function listsOf(redis: RedisServer, owners: Owners, { keyOf, now }: Keys): Pick<Records, 'list' | 'scan'> {
  const livingRevision = async (name: string): Promise<string | undefined> => {
    const key = keyOf(name);
    const head = (await redis.send(key, ['GETRANGE', key, '0', String(headBytes - 1)])) as Buffer;
    if (head.length === 0) return undefined;
    const { revision, endsAtMs } = readHead(head);
    return endsAtMs > now() ? revision : undefined;
  };
  return {
    async list(owner, { limit, cursor }) {
      const question = ['list', checkedOwner(owner)];
      const place = cursor === undefined ? undefined : readCursor(question, cursor);
      const entries = await owners.page(owner, place, checkedLimit(limit));
      const living = await Promise.all(entries.map(({ name }) => livingRevision(name)));
      const last = entries[limit - 1];
      return {
        names: entries.filter(({ revision }, n) => living[n] === revision).map(({ name }) => name),
        cursor: last === undefined ? undefined : writeCursor(question, placeOfEntry(last)),
      };
    },
    async scan({ limit, cursor }) {
      const place = cursor === undefined ? undefined : readCursor(['scan'], cursor);
      return scanNames(redis, {
        prefix: keyOf(''),
        place,
        limit: checkedLimit(limit),
        isLiving: async (name) => (await livingRevision(name)) !== undefined,
      });
    },
  };
}

// A draw takes longer than all else that a revision needs, whatever it draws. Revisions are told apart, not kept secret.
function drawnAhead(): (bytes: number) => Uint8Array {
  let pool = Buffer.alloc(0);
  return (bytes) => {
    if (pool.length < bytes) pool = randomBytes(Math.max(bytes, drawnBytes));
    const drawn = pool.subarray(0, bytes);
    pool = pool.subarray(bytes);
    return drawn;
  };
}
