import { randomBytes } from 'node:crypto';
import { cursorInvalid, readCursor, writeCursor } from '../cursor.ts';
import { checkedLimit } from '../query-rules.ts';
import { checkedEnd, checkedName, checkedOwner, checkedWrite } from '../record-rules.ts';
import type { RecordWrite, Records, StoredRecord } from '../records.ts';
import type { Revision } from '../tables.ts';
import { compareText } from '../text-order.ts';

// Records in memory, gone with the process. No timer: an ended record is dropped when it is met, and every write
// looks at a few more, in turn, so that those nobody meets go too.

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
}

type Held =
  | { readonly barred: false; readonly record: StoredRecord }
  | { readonly barred: true; readonly untilMs: number };

const sweptByWrite = 8;

/** Records in memory of one process. */
export function memoryRecords({ now, random = randomBytes }: MemoryRecordsOptions): MemoryRecords {
  const { held, owned, drop, hold, met, sweep } = heldRecords(now);
  const living = (name: string): StoredRecord | undefined => {
    const found = met(name);
    return found === undefined || found.barred ? undefined : found.record;
  };
  const revise = (): Revision => Buffer.from(random(15)).toString('base64url');
  const page = (
    question: readonly string[],
    names: Iterable<string>,
    { limit, cursor }: { readonly limit: number; readonly cursor?: string },
  ) => {
    checkedLimit(limit);
    const behind = cursor === undefined ? undefined : nameIn(readCursor(question, cursor));
    const found = [...names]
      .filter((name) => (behind === undefined || compareText(name, behind) > 0) && living(name) !== undefined)
      .sort(compareText);
    const last = found[limit - 1];
    return {
      names: found.slice(0, limit),
      cursor: found.length > limit && last !== undefined ? writeCursor(question, [last]) : undefined,
    };
  };

  return {
    get size() {
      return held.size;
    },
    async get(name) {
      const record = living(checkedName(name));
      return record && copyOf(record);
    },
    async put(name, bytes, write: RecordWrite) {
      const { endsAtMs, owners, guard } = checkedWrite(name, bytes, write);
      sweep();
      const found = met(name);
      const revisionThere = found === undefined || found.barred ? undefined : found.record.revision;
      if (found?.barred === true) return undefined;
      if (
        guard !== undefined &&
        ('ifAbsent' in guard ? found !== undefined : guard.ifRevision !== revisionThere)
      )
        return undefined;
      const revision = revise();
      hold(name, { barred: false, record: copyOf({ bytes, revision, endsAtMs, owners }) });
      return revision;
    },
    async take(name) {
      const record = living(checkedName(name));
      if (record !== undefined) drop(name);
      return record;
    },
    async extend(name, endsAtMs) {
      const record = living(checkedName(name));
      checkedEnd(endsAtMs);
      if (record !== undefined) hold(name, { barred: false, record: { ...record, endsAtMs } });
      return record !== undefined;
    },
    async bar(name, untilMs) {
      checkedEnd(untilMs);
      const found = met(checkedName(name));
      sweep();
      hold(name, {
        barred: true,
        untilMs: found?.barred === true ? Math.max(found.untilMs, untilMs) : untilMs,
      });
    },
    async list(owner, asked) {
      return page(['list', checkedOwner(owner)], owned.get(owner) ?? [], asked);
    },
    async scan(asked) {
      return page(['scan'], held.keys(), asked);
    },
    async close() {
      held.clear();
      owned.clear();
    },
  };
}

function heldRecords(now: () => number) {
  const held = new Map<string, Held>();
  const owned = new Map<string, Set<string>>();
  let turn = held.entries();
  const ended = (one: Held): boolean => now() >= (one.barred ? one.untilMs : one.record.endsAtMs);
  const drop = (name: string): void => {
    const found = held.get(name);
    held.delete(name);
    if (found === undefined || found.barred) return;
    for (const owner of found.record.owners) {
      const names = owned.get(owner);
      names?.delete(name);
      if (names?.size === 0) owned.delete(owner);
    }
  };
  const hold = (name: string, one: Held): void => {
    drop(name);
    held.set(name, one);
    if (one.barred) return;
    for (const owner of one.record.owners) owned.set(owner, (owned.get(owner) ?? new Set()).add(name));
  };
  const met = (name: string): Held | undefined => {
    const found = held.get(name);
    if (found === undefined || !ended(found)) return found;
    drop(name);
    return undefined;
  };
  const sweep = (): void => {
    for (let looked = 0; looked < sweptByWrite; looked += 1) {
      const next = turn.next();
      if (next.done === true) {
        turn = held.entries();
        return;
      }
      const [name, one] = next.value;
      if (ended(one)) drop(name);
    }
  };
  return { held, owned, drop, hold, met, sweep };
}

function copyOf(record: StoredRecord): StoredRecord {
  return { ...record, bytes: new Uint8Array(record.bytes), owners: [...record.owners] };
}

function nameIn([name]: readonly (string | number)[]): string {
  if (typeof name !== 'string') throw cursorInvalid('no name inside');
  return name;
}
