import { refuse } from '../../refusal.ts';
import { checkedEnd, checkedName, checkedWrite } from '../record-rules.ts';
import type { Records, RecordWrite } from '../records.ts';
import { keptMs, type Owners } from './owners.ts';
import { barScript, extendScript, putScript, takeScript } from './record-scripts.ts';
import { digitsOf, readLeft, readRecord, writeRecord, type Left } from './record-text.ts';
import type { RedisServer, Script } from './server.ts';

/** Where records lie, and what their writes need from outside. */
export interface Keys {
  keyOf(name: string): string;
  revise(): string;
  /** Milliseconds since 1970. */
  now(): number;
}

type Writes = Pick<Records, 'put' | 'take' | 'extend' | 'bar'>;

/** Each lost attempt is somebody else's won one; so many in a row is a store that does not answer truthfully. */
const attemptsMax = 100;

/** What changes records: one script each, and the owners' entries before and after it. */
export function recordWrites(redis: RedisServer, owners: Owners, keys: Keys): Writes {
  const { keyOf, revise, now } = keys;
  const run = async (script: Script, name: string, values: (string | Buffer)[]): Promise<Buffer | null> =>
    (await redis.run(script, keyOf(name), [String(now()), ...values])) as Buffer | null;
  return {
    async put(name, bytes, how) {
      const { guard, ...rest } = checkedWrite(name, bytes, how);
      const when = guardText(guard);
      if (when === undefined) return undefined;
      const record = { ...rest, bytes, revision: revise() };
      const values = [writeRecord(record), String(record.endsAtMs + keptMs), when];
      const write = (): Promise<Buffer | null> => run(putScript, name, values);
      const nobodys = record.owners.length === 0;
      const left = await (nobodys
        ? write()
        : after(owners.enter(name, record, record.endsAtMs), redis, write));
      owners.forget(name, left === null ? record : readLeft(left));
      return left === null ? undefined : record.revision;
    },
    async take(name) {
      const value = await run(takeScript, checkedName(name), []);
      const record = value === null ? undefined : readRecord(value);
      owners.forget(name, record);
      return record;
    },
    async extend(name, endsAtMs) {
      checkedName(name);
      const end = [digitsOf(checkedEnd(endsAtMs)), String(endsAtMs + keptMs)];
      let met: Left = { revision: '', owners: [] };
      for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
        const { revision } = met;
        const entered = owners.enter(name, met, endsAtMs);
        const left = await after(entered, redis, () => run(extendScript, name, [...end, revision]));
        const other = left === null ? undefined : readLeft(left);
        if (other === undefined) return left !== null;
        met = other;
      }
      throw refuse('store_unavailable', 'the record is changed too often', `${attemptsMax} attempts lost`);
    },
    async bar(name, untilMs) {
      checkedName(name);
      const left = await run(barScript, name, [digitsOf(checkedEnd(untilMs)), String(untilMs + keptMs)]);
      owners.forget(name, left === null ? undefined : readLeft(left));
    },
  };
}

// One server keeps the order; of several the first one has to have answered.
async function after<V>(first: Promise<void>, { ordered }: RedisServer, then: () => Promise<V>): Promise<V> {
  if (!ordered) await first;
  const [reply] = await Promise.all([then(), first]);
  return reply;
}

// `undefined`: nobody's revision, which must not be taken for another kind of guard either.
function guardText(guard: RecordWrite['guard']): string | undefined {
  if (guard === undefined) return '';
  if ('ifAbsent' in guard) return 'absent';
  return /^[\w-]{20}$/.test(guard.ifRevision) ? guard.ifRevision : undefined;
}
