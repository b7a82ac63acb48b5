import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { openClient, type DynamoConnection } from '../../store/dynamodb/client.ts';
import { journalOn, type JournalOptions } from '../journal.ts';
import { sharedReader, type OtherJournal, type SharedJournal } from '../journals.ts';
import { logTable, type LogTable } from '../log/dynamodb/log-table.ts';
import type { Trim } from '../trim-mark.ts';
import { trimBy } from '../trim.ts';
import { hex } from '../verify.ts';
import { batchBytesMax } from './batch-items.ts';
import { batchRows } from './batch-rows.ts';
import { openBeats } from './beats.ts';
import { dynamoChain } from './chain.ts';
import { holdJournal, type HeldJournal } from './hold-journal.ts';
import { trimItems } from './trim-items.ts';
import { isSilent, openWriters, type Writer, type Writers } from './writers.ts';

/** How a journal is kept, in milliseconds. */
export interface JournalTimes {
  /** Between two signs of life. */
  readonly beatMs: number;
  /** Without one for so long, others seal it along with their own. */
  readonly silentMs: number;
  /** Without one for so long, whoever starts goes on with it. */
  readonly abandonedMs: number;
  /** A batch that is not there by then has failed. */
  readonly deadlineMs: number;
}

/** Where and with what. */
export interface DynamoJournalOptions
  extends
    DynamoConnection,
    Pick<JournalOptions, 'sealer' | 'now' | 'failed' | 'queueEntriesMax' | 'retryMs'> {
  /** Put before every table name; `undefined`: nothing. */
  readonly tablePrefix?: string | undefined;
  /** Told when another process goes on with this journal: nothing can be written any more, so this process has to stop. */
  readonly lost: () => void;
  /** Journals that lie elsewhere: read and sealed along, never written, closed with this one. */
  readonly beside?: readonly OtherJournal[] | undefined;
  readonly times?: Partial<JournalTimes> | undefined;
}

const usual: JournalTimes = {
  beatMs: 10_000,
  silentMs: 60_000,
  abandonedMs: 600_000,
  deadlineMs: 10_000,
};

/**
 * The audit journal on DynamoDB, in the table `audit_journal`, which exists already (`createTables`). Every process writes a
 * journal of its own, so none waits for another; what is read is all of them.
 *
 * @throws Refusal `audit_unavailable`, `key_unavailable`
 */
export async function openDynamoJournal(options: DynamoJournalOptions): Promise<SharedJournal> {
  const client = openClient(options);
  try {
    return await openIn(client, options);
  } catch (error) {
    client.destroy();
    throw error;
  }
}

async function openIn(client: DynamoDBClient, options: DynamoJournalOptions): Promise<SharedJournal> {
  const { sealer, now, failed = () => undefined, beside = [], tablePrefix = '' } = options;
  const { beatMs, silentMs, abandonedMs, deadlineMs } = { ...usual, ...options.times };
  const table = logTable(client, `${tablePrefix}audit_journal`);
  const writers = openWriters(table);
  const held = await holdJournal({ table, writers, sealer, now, abandonedMs, failed });
  const lost = once(options.lost);
  const chain = dynamoChain({ table, sealer, deadlineMs, lost }, held.start.tail);
  const journal = journalOn({ rows: held.rows, chain, start: held.start }, { ...options, batchBytesMax });
  const listed = listedJournals({ table, writers, held });
  const others: typeof listed = async (which) => [...beside, ...(await listed(which))];
  let isDue = true;
  const beats = openBeats(beatMs, failed, async () => {
    isDue = true;
    if (!(await held.beat(chain.tail()))) lost();
  });
  return {
    ...journal,
    writer: held.writer,
    rows: held.rows,
    ...sharedReader({ ...held, verify: journal.verify }, () => others(), sealer),
    journals: async () => [held, ...(await others())],
    async toSeal() {
      const silent = isDue ? await others((writer) => isSilent(writer, silentMs, now())) : [];
      isDue = false;
      return [held.rows, ...silent.map(({ rows }) => rows)];
    },
    async trim(sealed, keptFromMs) {
      const { writer } = sealed;
      if (writer === held.writer) return journal.trim(sealed, keptFromMs);
      // What nobody writes any more is trimmed by whoever seals it.
      const silent = await listed((each) => each.writer === writer && isSilent(each, silentMs, now()));
      const put = (trim: Trim) => trimItems(table, trim.mark).then(() => true);
      for (const { rows } of silent) await trimBy({ rows, sealer, put }, sealed, keptFromMs);
    },
    async close() {
      await beats.end();
      await journal.close();
      // A batch that may still arrive must not meet whoever goes on: then it is left, to be taken when it was silent for long.
      if (!journal.health().failing) await held.release(chain.tail()).catch(() => undefined);
      for (const { rows } of beside) rows.close();
      client.destroy();
    },
  };
}

/** Journals in the table but that of this process. */
function listedJournals(parts: {
  readonly table: LogTable;
  readonly writers: Writers;
  readonly held: HeldJournal;
}): (which?: (writer: Writer) => boolean) => Promise<OtherJournal[]> {
  const { table, writers, held } = parts;
  return async (which = () => true) => {
    const meant = (await writers.all()).filter((each) => each.writer !== held.writer && which(each));
    return meant.map(({ writer, batch, digest }) => ({
      writer,
      rows: batchRows(table, writer),
      anchors: batch === 0 ? [] : [{ batch, digest: hex(digest) }],
    }));
  };
}

function once(work: () => void): () => void {
  let done = false;
  return () => {
    if (!done) work();
    done = true;
  };
}
