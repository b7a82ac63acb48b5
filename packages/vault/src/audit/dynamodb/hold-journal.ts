import { randomBytes } from 'node:crypto';
import type { Sealer } from '../../keys/sealer.ts';
import { refuse, Refusal } from '../../refusal.ts';
import { sameHash } from '../../tlog/hash.ts';
import type { Tail } from '../batch.ts';
import type { LogTable } from '../log/dynamodb/log-table.ts';
import type { Rows } from '../rows.ts';
import { continueTail, type Continued } from '../tail.ts';
import { isTrimmed, trimmedAtMs } from '../trim-mark.ts';
import { batchRows } from './batch-rows.ts';
import { isSilent, type Writer, type Writers } from './writers.ts';

/** What a journal is taken with. */
export interface HoldParts {
  readonly table: LogTable;
  readonly writers: Writers;
  readonly sealer: Sealer;
  readonly now: () => number;
  /** A journal whose process has said nothing for so long is gone on with by another. */
  readonly abandonedMs: number;
  /** Told about a journal that cannot be gone on with, and is left as it is. */
  readonly failed: (refusal: Refusal) => void;
}

/** A journal that this process writes. */
export interface HeldJournal {
  readonly writer: string;
  readonly rows: Rows;
  readonly start: Continued;
  /** Say that it is still written. @returns whether it is still ours. @throws Refusal `audit_unavailable` */
  beat(tail: Tail): Promise<boolean>;
  /** Give it back, for whoever starts next. @throws Refusal `audit_unavailable` */
  release(tail: Tail): Promise<void>;
}

/** Go on with a journal that nobody writes, or begin one. @throws Refusal `audit_unavailable`, `key_unavailable` */
export async function holdJournal(parts: HoldParts): Promise<HeldJournal> {
  const { writers, now, abandonedMs, failed } = parts;
  const owner = randomBytes(16).toString('hex');
  const free = (await writers.all()).filter((writer) => isSilent(writer, abandonedMs, now()));
  for (const found of free) {
    const taken = await writers.take(found, owner, now());
    if (taken === undefined) continue;
    try {
      return await held(parts, taken);
    } catch (error) {
      await writers.beat(taken, { n: taken.batch, digest: taken.digest }, 0).catch(() => undefined);
      if (!(error instanceof Refusal && error.code === 'journal_broken')) throw error;
      failed(error);
    }
  }
  return held(parts, await writers.make(owner, now()));
}

async function held({ table, writers, sealer, now }: HoldParts, taken: Writer): Promise<HeldJournal> {
  const { writer } = taken;
  const rows = batchRows(table, writer);
  const start = await continueTail(rows, sealer, writer);
  if (!(await passes(rows, sealer, taken)))
    throw refuse(
      'journal_broken',
      'the audit journal does not continue where it ended',
      `batch ${taken.batch} of ${writer} is not the one that was remembered`,
    );
  let current = taken;
  const say = async (tail: Tail, atMs: number): Promise<boolean> => {
    const said = await writers.beat(current, tail, atMs);
    if (said !== undefined) current = said;
    return said !== undefined;
  };
  return {
    writer,
    rows,
    start,
    beat: (tail) => say(tail, now()),
    release: async (tail) => void (await say(tail, 0)),
  };
}

/** Whether a journal has the batch that was remembered of it, or was trimmed behind that. */
async function passes(rows: Rows, sealer: Sealer, { batch, digest }: Writer): Promise<boolean> {
  if (batch === 0) return true;
  const remembered = await rows.at(batch);
  if (remembered !== undefined) return sameHash(remembered.digest, digest);
  const [first] = await rows.from(batch, false, 1);
  return first !== undefined && isTrimmed(first) && trimmedAtMs(sealer, first) >= 0;
}
