import { randomBytes } from 'node:crypto';
import { refuse } from '../refusal.ts';
import { checkedEnd, checkedName, checkedOwner, checkedWrite } from './record-rules.ts';
import { inRecords, inSessions, type RecordPlace } from './record-places.ts';
import type { Records, StoredRecord } from './records.ts';
import type { Guard, Revision, Step, Stored, Tables } from './tables.ts';

// Records as items. The record's own revision lies in the item, because moving the end changes the row's and must not
// change the record's. A bar is an item without bytes. Every change reads first and writes under the row's revision, so
// of racing writers one wins and the others look again.

/** What {@link tableRecords} needs from outside. */
export interface TableRecordsOptions {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Random bytes for revisions; `node:crypto` when not given. */
  readonly random?: ((bytes: number) => Uint8Array) | undefined;
}

/** What stands under a name: the row's guard, and a record or a bar when they have not ended. */
interface Standing {
  readonly guard: Guard;
  /** Owners of what lies there, ended or not: their rows go when it goes. */
  readonly owners: readonly string[];
  readonly record: StoredRecord | undefined;
  readonly barredUntilMs: number | undefined;
}

/** Each lost attempt is somebody else's won one; so many in a row is a store that does not answer truthfully. */
const attemptsMax = 100;

/** Records on any `Tables`. Closing them closes the tables. */
export function tableRecords(tables: Tables, options: TableRecordsOptions): Records {
  return recordsIn(inRecords(tables, options.now), tables, options);
}

/**
 * Records in the table `sessions`, each with one owner at most (`item_invalid` for more), whom `userId-index` finds them
 * by. Seal them as {@link sealedSessions} does. Closing them closes the tables.
 */
export function sessionRecords(tables: Tables, options: TableRecordsOptions): Records {
  return recordsIn(inSessions(tables, options.now), tables, options);
}

function recordsIn(
  place: RecordPlace,
  tables: Tables,
  { now, random = randomBytes }: TableRecordsOptions,
): Records {
  const stand = async (name: string): Promise<Standing> => standingOf(await place.get(name), now());
  const change: Changer = async (name, decide) => {
    for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
      const { value, steps } = decide(await stand(name));
      if (steps === undefined || (await tables.transact(steps)).done) return value;
    }
    throw refuse('store_unavailable', 'the record is changed too often', `${attemptsMax} attempts lost`);
  };
  return {
    ...writesOf(place, change, () => Buffer.from(random(15)).toString('base64url')),
    async get(name) {
      return (await stand(checkedName(name))).record;
    },
    list: async (owner, page) => place.list(checkedOwner(owner), page),
    async scan(page) {
      const { records, cursor } = await place.scan(page);
      const living = records.filter(({ stored }) => standingOf(stored, now()).record !== undefined);
      return { names: living.map(({ name }) => name), cursor };
    },
    async close() {
      await tables.close();
    },
  };
}

/** Decide on what stands under the name, again and again until the decision could be written. */
type Changer = <V>(name: string, decide: (standing: Standing) => Decision<V>) => Promise<V>;

function writesOf(
  place: RecordPlace,
  change: Changer,
  revise: () => Revision,
): Pick<Records, 'put' | 'take' | 'extend' | 'bar'> {
  return {
    async put(name, bytes, write) {
      const { endsAtMs, owners, guard } = checkedWrite(name, bytes, write);
      const record: StoredRecord = { bytes, revision: revise(), endsAtMs, owners };
      return change<Revision | undefined>(name, (standing) => {
        const there = standing.record?.revision;
        const lost =
          guard !== undefined && ('ifAbsent' in guard ? there !== undefined : guard.ifRevision !== there);
        if (lost || standing.barredUntilMs !== undefined) return { value: undefined };
        return { value: record.revision, steps: recordSteps(place, name, record, standing) };
      });
    },
    async take(name) {
      return change(checkedName(name), (standing) => ({
        value: standing.record,
        steps: standing.record && place.remove(name, standing.owners, standing.guard),
      }));
    },
    async extend(name, endsAtMs) {
      checkedEnd(endsAtMs);
      return change(checkedName(name), (standing) => ({
        value: standing.record !== undefined,
        steps: standing.record && recordSteps(place, name, { ...standing.record, endsAtMs }, standing),
      }));
    },
    async bar(name, untilMs) {
      checkedEnd(untilMs);
      return change(checkedName(name), (standing) => {
        const barredUntilMs = Math.max(untilMs, standing.barredUntilMs ?? 0);
        const facts = { ttl: ttlOf(barredUntilMs), barredUntilMs };
        const { owners: ownersBefore, guard } = standing;
        return { value: undefined, steps: place.put({ name, facts, owners: [], ownersBefore, guard }) };
      });
    },
  };
}

/** What to return, and what to write before; `undefined` steps: nothing. */
interface Decision<V> {
  readonly value: V;
  readonly steps?: readonly Step[] | undefined;
}

function standingOf(stored: Stored | undefined, nowMs: number): Standing {
  if (stored === undefined)
    return { guard: { ifAbsent: true }, owners: [], record: undefined, barredUntilMs: undefined };
  const guard: Guard = { ifRevision: stored.revision };
  const { bytes, revision, endsAtMs, owners, barredUntilMs } = stored.item;
  if (typeof barredUntilMs === 'number')
    return {
      guard,
      owners: [],
      record: undefined,
      barredUntilMs: barredUntilMs > nowMs ? barredUntilMs : undefined,
    };
  if (
    typeof bytes !== 'string' ||
    typeof revision !== 'string' ||
    typeof endsAtMs !== 'number' ||
    !Array.isArray(owners)
  )
    throw refuse(
      'store_unavailable',
      'a stored record cannot be read',
      'an item of `records` has not the form of a record',
    );
  const record: StoredRecord = { bytes: bytesOf(bytes), revision, endsAtMs, owners: owners.map(String) };
  return {
    guard,
    owners: record.owners,
    record: endsAtMs > nowMs ? record : undefined,
    barredUntilMs: undefined,
  };
}

function recordSteps(
  place: RecordPlace,
  name: string,
  { bytes, revision, endsAtMs, owners }: StoredRecord,
  { owners: ownersBefore, guard }: Standing,
): readonly Step[] {
  const text = Buffer.from(bytes).toString('base64url');
  const facts = { ttl: ttlOf(endsAtMs), endsAtMs, revision, owners, bytes: text };
  return place.put({ name, facts, owners, ownersBefore, guard });
}

// Items end in whole seconds; the record's own end is compared in milliseconds.
function ttlOf(endsAtMs: number): number {
  return Math.ceil(endsAtMs / 1000);
}

// A buffer of its own: what is read may be wiped without touching a shared pool.
function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64url'));
}
