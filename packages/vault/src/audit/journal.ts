import type { Sealer } from '../keys/sealer.ts';
import { refuse, Refusal } from '../refusal.ts';
import type { ChainWriter } from './chain-writer.ts';
import type { OpenCommitter } from './committer.ts';
import type { DeviceStanding, Point } from './devices/device.ts';
import { openWriter, type SecondDevice } from './devices/open-writer.ts';
import { groupCommit, type GroupCommit } from './group-commit.ts';
import { fileRefusal, prepareFile } from './journal-file.ts';
import { readPage, type EntryPage, type EntryQuery } from './pages.ts';
import { openRows, type Rows } from './rows.ts';
import type { Continued } from './tail.ts';
import { trimBy, type TrimTo } from './trim.ts';
import { hex, verifyChain, type Anchor, type Verdict } from './verify.ts';
import { openWorkerCommitter } from './worker-committer.ts';

// The audit journal on SQLite: a file of its own, one sealed row a batch, each row chained to the one before. All
// tenants share the rows: the journal is sealed under the deployment's own key, and what lasts is split up later.

/** Reads a journal. */
export interface JournalReader {
  /** @throws Refusal as {@link readPage} */
  page(query: EntryQuery): Promise<EntryPage>;
  /**
   * Walk the whole chain. Cut-off rows at the end show only against an anchor: one noted elsewhere, or, in the process
   * that writes, where the journal ended when it was opened and ends now.
   */
  verify(anchor?: Anchor): Promise<Verdict>;
  close(): Promise<void>;
}

/** How the journal does. */
export interface JournalHealth {
  /** Whether the last commit failed and none has succeeded since: strict acts are refused. */
  readonly failing: boolean;
  /** Lines that wait for the disk, those of the commit under way included. */
  readonly waiting: number;
  /** Outcomes that found no room since the opening. Their attempts stand without one. */
  readonly lost: number;
  /** The last batch on the disk. */
  readonly end: Anchor;
  /** Minted with the journal: 32 hexadecimal digits. */
  readonly writer: string;
  /** How each of two devices does; empty when there is one. */
  readonly devices: readonly DeviceStanding[];
}

/** Reads and appends. Lines are JSON of one entry, up to 8 KiB, without line breaks. */
export interface Journal extends JournalReader {
  /** The time for an entry, in milliseconds since 1970: never before one this journal holds, whatever the clock does. */
  stampMs(): number;
  /**
   * Resolves when the line is on the disk. `patient`: it may wait up to 3 ms for company.
   *
   * @throws Refusal `audit_unavailable` when the disk fails or the queue is full. The line may be there all the same:
   *   an attempt in the journal whose act did not happen.
   */
  append(line: string, patient?: 'patient'): Promise<void>;
  /** Resolves when the line is queued; waits while the queue is full. @throws Refusal `audit_unavailable` once closed */
  queue(line: string): Promise<void>;
  /**
   * Queue an outcome without waiting. Outcomes have as much room again as attempts, so one is lost only when the disk
   * stands still and more calls end than the queue ever let begin. Returns `false` then, and `lost` counts it.
   */
  offer(line: string): boolean;
  /**
   * Let what was sealed into the log leave the journal, step by step; nothing that is being written waits for more than one.
   * While one of two devices fails nothing leaves.
   *
   * @param sealed how much of the journal was sealed; of another journal nothing happens
   * @param keptFromMs what ended then or later stays; `Infinity`: nothing has to
   * @throws Refusal `journal_broken`, `audit_unavailable`, `key_unavailable`; it may be tried again
   */
  trim(sealed: TrimTo, keptFromMs: number): Promise<void>;
  health(): JournalHealth;
}

/** Where and with what. */
export interface JournalOptions {
  /** The file, such as `DATA_DIR/journal.db`. Created, 0600. */
  readonly path: string;
  readonly sealer: Sealer;
  readonly now: () => number;
  /** Told when a commit fails, when recovery fails, and for each lost outcome; for the log. */
  readonly failed?: (refusal: Refusal) => void;
  /** Attempts that may wait for the disk at once, 8192 when not given. */
  readonly queueEntriesMax?: number;
  /** How long after a failure the disk is tried again, 1000 when not given. */
  readonly retryMs?: number;
  readonly openCommitter?: OpenCommitter;
  /** Takes the same batches: strict acts go on as long as one of the two does. There is none when not given. */
  readonly second?: SecondDevice;
}

const queueBytesMax = 16 * 1024 * 1024;
const companyMs = 3;
const deadlineMs = 10_000;
const retryDefaultMs = 1000;
const lineBytesMax = 8 * 1024;

/**
 * Open the journal and go on where it ended.
 *
 * @throws Refusal `journal_broken` when its end does not hold: the process must not start; `audit_unavailable`,
 *   `key_unavailable`
 */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const { path, sealer, openCommitter = openWorkerCommitter } = options;
  prepareFile(path);
  const rows = openRows(path);
  try {
    const retryMs = options.retryMs ?? retryDefaultMs;
    const writing = { path, sealer, rows, openCommitter, deadlineMs, retryMs };
    const { chain, ...start } = await openWriter(writing, options.second);
    return journalOn({ rows, chain, start }, options);
  } catch (error) {
    rows.close();
    throw fileRefusal(path, error);
  }
}

/** What a journal reads and writes. */
export interface JournalGround {
  /** Closed with the journal. */
  readonly rows: Rows;
  readonly chain: ChainWriter;
  /** Where the chain went on. */
  readonly start: Continued;
}

/** How a journal does it, wherever it lies. */
export interface JournalWays extends Pick<
  JournalOptions,
  'sealer' | 'now' | 'failed' | 'queueEntriesMax' | 'retryMs'
> {
  /** Bytes of lines that one batch holds; as many as a queue gives when not given. */
  readonly batchBytesMax?: number;
}

/** A journal on a chain that is open. */
export function journalOn({ rows, chain, start }: JournalGround, ways: JournalWays): Journal {
  const { sealer, now, failed = () => undefined, batchBytesMax } = ways;
  const bounds = { entriesMax: ways.queueEntriesMax ?? 8192, bytesMax: queueBytesMax, batchBytesMax };
  const commits = groupCommit(chain, { bounds, companyMs, retryMs: ways.retryMs ?? retryDefaultMs, failed });
  const begun = anchorAt(start.tail);
  const standing = (): Pick<JournalHealth, 'end' | 'writer' | 'devices'> => ({
    end: anchorAt(chain.tail()),
    writer: start.tail.writer,
    devices: chain.devices(),
  });
  return {
    stampMs: forward(now, start.lastAtMs),
    ...appends(commits, standing, failed),
    page: (query) => readPage(rows, sealer, query),
    verify: (anchor) =>
      verifyChain(rows, sealer, [
        begun,
        anchorAt(chain.readable()),
        ...(anchor === undefined ? [] : [anchor]),
      ]),
    async trim(sealed, keptFromMs) {
      try {
        await trimBy({ rows, sealer, put: chain.trim }, sealed, keptFromMs);
      } catch (error) {
        if (error instanceof Refusal) throw error;
        throw refuse('audit_unavailable', 'the audit journal could not be trimmed', String(error), error);
      }
    },
    async close() {
      const unwritten = await commits.close().finally(() => rows.close());
      if (unwritten > 0)
        failed(refuse('audit_unavailable', 'audit outcomes could not be written', `${unwritten} lines`));
    },
  };
}

/**
 * Open a journal for reading only, broken or not, while another process may write it.
 *
 * @throws Refusal `audit_unavailable`, `journal_broken` when the file is no database
 */
export function openJournalReader({ path, sealer }: Pick<JournalOptions, 'path' | 'sealer'>): JournalReader {
  const rows: Rows = openRows(path);
  return {
    page: (query) => readPage(rows, sealer, query),
    verify: (anchor) => verifyChain(rows, sealer, anchor === undefined ? [] : [anchor]),
    close: async () => rows.close(),
  };
}

function anchorAt({ n, digest }: Point): Anchor {
  return { batch: n, digest: hex(digest) };
}

function appends(
  commits: GroupCommit,
  chain: () => Pick<JournalHealth, 'end' | 'writer' | 'devices'>,
  failed: (refusal: Refusal) => void,
) {
  let lost = 0;
  return {
    append: async (line: string, patient?: 'patient') => commits.append(checked(line), patient !== undefined),
    queue: async (line: string) => commits.queue(checked(line)),
    offer(line: string): boolean {
      if (commits.offer(checked(line))) return true;
      lost += 1;
      failed(
        refuse('audit_unavailable', 'an audit outcome was lost', `no room in the queue; ${lost} lost so far`),
      );
      return false;
    },
    health: () => ({ failing: commits.failing(), waiting: commits.waiting(), lost, ...chain() }),
  };
}

/** A clock that stands still rather than go back. */
function forward(now: () => number, startMs: number): () => number {
  let lastMs = startMs;
  return () => (lastMs = Math.max(lastMs, Math.floor(now())));
}

function checked(line: string): string {
  if (line === '' || line.includes('\n') || Buffer.byteLength(line) > lineBytesMax)
    throw refuse('item_invalid', 'an audit entry is one line of up to 8 KiB');
  return line;
}
