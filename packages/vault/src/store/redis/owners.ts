import { cursorInvalid } from '../cursor.ts';
import { compareText } from '../text-order.ts';
import { revisionCharacters, type Left } from './record-text.ts';
import { enterScript } from './record-scripts.ts';
import type { RedisServer } from './server.ts';

// Who owns what: a sorted set for each owner, on whatever server it lies. An entry is name and revision of one written
// record with its end as score; it is made before the record and removed after it, so a crash in between leaves an entry
// too much and never one too few. An entry counts only while the record under its name has its revision.

/** Redis keeps what has ended a little longer, in case its clock runs ahead of ours. */
export const keptMs = 60_000;

/** An entry of an owner. */
export interface Entry {
  readonly name: string;
  readonly revision: string;
  readonly endsAtMs: number;
}

/** The entries of all owners. */
export interface Owners {
  /** Enter a record before it is written or its end is moved. */
  enter(name: string, left: Left, endsAtMs: number): Promise<void>;
  /** Remove entries of a record that is gone, soon. Entries that stay are of no consequence. */
  forget(name: string, left: Left | undefined): void;
  /** Up to `limit` entries behind a place, by their ends. */
  page(
    owner: string,
    place: readonly (string | number)[] | undefined,
    limit: number,
  ): Promise<readonly Entry[]>;
  /** Resolves when everything to be forgotten is. */
  settle(): Promise<void>;
}

/** @param keyOf the key of an owner's set */
export function ownersOn(redis: RedisServer, keyOf: (owner: string) => string, now: () => number): Owners {
  const forgetting = new Set<Promise<unknown>>();
  return {
    async enter(name, { revision, owners }, endsAtMs) {
      const values = [String(now() - keptMs), String(endsAtMs), String(endsAtMs + keptMs), name + revision];
      await Promise.all(owners.map((owner) => redis.run(enterScript, keyOf(owner), values)));
    },
    forget(name, left) {
      for (const owner of left?.owners ?? []) {
        const removed = redis
          .send(keyOf(owner), ['ZREM', keyOf(owner), name + (left?.revision ?? '')])
          .catch(() => undefined)
          .finally(() => forgetting.delete(removed));
        forgetting.add(removed);
      }
    },
    async page(owner, place, limit) {
      const after = place === undefined ? undefined : entryAt(place);
      const entries: Entry[] = [];
      for (let offset = 0; ;) {
        const from = after === undefined ? '-inf' : String(after.endsAtMs);
        const range = [from, '+inf', 'WITHSCORES', 'LIMIT', String(offset), String(limit + 1)];
        const command = ['ZRANGEBYSCORE', keyOf(owner), ...range];
        const found = (await redis.send(keyOf(owner), command)) as readonly (readonly [Buffer, number])[];
        offset += found.length;
        entries.push(...found.map(entryOf).filter((entry) => after === undefined || isBehind(entry, after)));
        if (found.length <= limit || entries.length >= limit) return entries.slice(0, limit);
      }
    },
    async settle() {
      await Promise.all(forgetting);
    },
  };
}

/** The place behind an entry. */
export function placeOfEntry({ name, revision, endsAtMs }: Entry): readonly (string | number)[] {
  return [endsAtMs, name + revision];
}

function entryAt([endsAtMs, member]: readonly (string | number)[]): Entry {
  if (typeof endsAtMs !== 'number' || typeof member !== 'string' || member.length <= revisionCharacters)
    throw cursorInvalid('no entry inside');
  return entryOf([Buffer.from(member), endsAtMs]);
}

function entryOf([member, endsAtMs]: readonly [Buffer, number]): Entry {
  const revisionAt = member.length - revisionCharacters;
  return {
    name: member.toString('utf8', 0, revisionAt),
    revision: member.toString('latin1', revisionAt),
    endsAtMs,
  };
}

// Redis orders equal scores by the bytes of their members.
function isBehind(entry: Entry, after: Entry): boolean {
  if (entry.endsAtMs !== after.endsAtMs) return entry.endsAtMs > after.endsAtMs;
  return compareText(entry.name + entry.revision, after.name + after.revision) > 0;
}
