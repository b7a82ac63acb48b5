import { randomBytes } from 'node:crypto';
import { cursorInvalid, readCursor, writeCursor } from '../cursor.ts';
import { checkedLimit } from '../query-rules.ts';
import { checkedEnd, checkedName, checkedOwner, checkedWrite } from '../record-rules.ts';
import type { Records, StoredRecord } from '../records.ts';
import type { Revision } from '../tables.ts';
import { compareText } from '../text-order.ts';
import { heldRecords, type HeldRecords } from './held-records.ts';

// Records in memory, gone with the process.

/** What {@link memoryRecords} needs from outside. */
export interface MemoryRecordsOptions {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Random bytes for revisions; `node:crypto` when not given. */
  readonly random?: ((bytes: number) => Uint8Array) | undefined;
}

/** Records in memory. */
export interface MemoryRecords extends Records {
  /** Records and bars held, ended ones that are not dropped yet among them. */
  readonly size: number;
  /** Drop what has ended. Every write does it, too. */
  sweep(): void;
}

/** Records in memory of one process. */
export function memoryRecords({ now, random = randomBytes }: MemoryRecordsOptions): MemoryRecords {
  const held = heldRecords(now);
  return {
    get size() {
      return held.size();
    },
    sweep: () => held.sweep(),
    ...writesOf(held, () => Buffer.from(random(15)).toString('base64url')),
    ...listsOf(held),
    async get(name) {
      const record = held.living(checkedName(name));
      return record && copyOf(record);
    },
    async close() {
      held.clear();
    },
  };
}

function writesOf(
  held: HeldRecords,
  revise: () => Revision,
): Pick<Records, 'put' | 'take' | 'extend' | 'bar'> {
  return {
    async put(name, bytes, write) {
      const { endsAtMs, owners, guard } = checkedWrite(name, bytes, write);
      held.sweep();
      if (held.barredUntilMs(name) !== undefined) return undefined;
      const there = held.living(name)?.revision;
      if (guard !== undefined && ('ifAbsent' in guard ? there !== undefined : guard.ifRevision !== there))
        return undefined;
      const revision = revise();
      held.hold(name, copyOf({ bytes, revision, endsAtMs, owners }));
      return revision;
    },
    async take(name) {
      const record = held.living(checkedName(name));
      if (record !== undefined) held.drop(name);
      return record;
    },
    async extend(name, endsAtMs) {
      const record = held.living(checkedName(name));
      checkedEnd(endsAtMs);
      if (record !== undefined) held.hold(name, { ...record, endsAtMs });
      return record !== undefined;
    },
    async bar(name, untilMs) {
      checkedEnd(untilMs);
      held.bar(checkedName(name), Math.max(untilMs, held.barredUntilMs(name) ?? 0));
      held.sweep();
    },
  };
}

function listsOf(held: HeldRecords): Pick<Records, 'list' | 'scan'> {
  const page = (question: readonly string[], names: Iterable<string>, { limit, cursor }: Asked) => {
    checkedLimit(limit);
    const behind = cursor === undefined ? undefined : nameIn(readCursor(question, cursor));
    const found = [...names]
      .filter(
        (name) => (behind === undefined || compareText(name, behind) > 0) && held.living(name) !== undefined,
      )
      .sort(compareText);
    const last = found[limit - 1];
    return {
      names: found.slice(0, limit),
      cursor: found.length > limit && last !== undefined ? writeCursor(question, [last]) : undefined,
    };
  };
  return {
    async list(owner, asked) {
      return page(['list', checkedOwner(owner)], held.ownedBy(owner), asked);
    },
    async scan(asked) {
      return page(['scan'], held.names(), asked);
    },
  };
}

interface Asked {
  readonly limit: number;
  readonly cursor?: string;
}

function copyOf(record: StoredRecord): StoredRecord {
  return { ...record, bytes: new Uint8Array(record.bytes), owners: [...record.owners] };
}

function nameIn([name]: readonly (string | number)[]): string {
  if (typeof name !== 'string') throw cursorInvalid('no name inside');
  return name;
}
