import type { TagName } from '../leaf/log-keys.ts';
import type { Lines } from './packed-lines.ts';

// Where the sealed log lies. One log belongs to one tenant (or to the deployment itself) and one month, and every month's logs
// lie together as a period: what is committed at once never spans two periods, so a period can be kept apart and dropped as
// a whole. The root log and the tenants' secrets lie on their own, beside the journal. The root log states the size and root of
// all the others: whoever restores periods from a backup does not turn it back with them, and that is how they are noticed.

/** Which log. */
export interface LogName {
  /** A tenant; `_system` for the deployment. */
  readonly scope: string;
  /** Its period, such as `202611`; `202611-2` for the second one after a break. */
  readonly shard: string;
}

/** The end of a log. */
export interface LogHead {
  /** Leaves. */
  readonly size: number;
  /** Hashes of the complete subtrees, the largest first, 32 bytes each (RFC 6962 §2.1). */
  readonly frontier: readonly Uint8Array[];
  /** Nothing follows. */
  readonly closed: boolean;
}

/** A log as it stands. */
export interface StoredLog extends LogName, LogHead {
  /** The last checkpoint that was published: a signed note. `undefined` before the first. */
  readonly note: string | undefined;
  /** Size that it is of; 0 before the first. */
  readonly notedSize: number;
}

/** What a log of an earlier period ended with: the next one begins there. */
export interface LogEnd extends LogName {
  readonly size: number;
  readonly root: Uint8Array;
}

/** Events of one log that were sealed together. None spans a multiple of 256. */
export interface Slice {
  /** Index of the first. */
  readonly first: number;
  /** The leaves, exactly; 1 to 256. */
  readonly leaves: readonly string[];
  /** Their bodies, sealed as one; `undefined` when none has a body. */
  readonly bodies: Uint8Array | undefined;
}

/** A slice of which some leaves are wanted. */
export interface PartSlice extends Pick<Slice, 'first' | 'bodies'> {
  readonly leaves: Lines;
}

/** A hash of the tree: of 256 leaves at level 1, of 256 such at level 2 (C2SP tlog-tiles). Level 0 follows from the leaves. */
export interface TreeNode {
  readonly level: number;
  readonly index: number;
  readonly hash: Uint8Array;
}

/** What came of an attempt, as far as the index says it. */
export interface RowEnd {
  /** Index of the outcome's leaf. */
  readonly ix: number;
  /** Time of the outcome. */
  readonly ts: number;
}

/** By what an entry is found. It names nobody: tags are keyed, and gone with the tenant's keys. */
export interface IndexRow {
  /** Index of its leaf. */
  readonly ix: number;
  /** UUIDv7 of the entry. */
  readonly id: string;
  readonly ts: number;
  /** Of an attempt, with what its outcome adds; an outcome has none. */
  readonly tags: Readonly<Partial<Record<TagName, number>>>;
  /** What is known of the call: bits of `callFlags`; 0 for an outcome. */
  readonly flags: number;
  /** Of an attempt whose outcome stands in the same log. */
  readonly end?: RowEnd;
  /** Of an outcome whose attempt does not stand in the same log: the attempt's id. */
  readonly cause?: string;
}

/** An attempt's row that learns what came of it. */
export interface EndedRow extends Required<Pick<IndexRow, 'end' | 'flags'>> {
  readonly attempt: Pick<IndexRow, 'ts' | 'ix'>;
  /** To be added to its own. */
  readonly tags: IndexRow['tags'];
}

/** What one log gains in a step. */
export interface LogStep {
  readonly log: LogName;
  /** Size of the log before; 0 makes it. */
  readonly from: number;
  readonly head: LogHead;
  /** One of 256 leaves takes the place of those whose leaves it has. */
  readonly slices: readonly Slice[];
  /** In the order of their indexes. */
  readonly nodes: readonly TreeNode[];
  readonly rows: readonly IndexRow[];
  /** Rows of earlier steps. */
  readonly ended?: readonly EndedRow[];
}

/** How much of a journal is sealed. */
export interface SealedThrough {
  readonly writer: string;
  /** The last batch all of which is sealed; 0 for none. */
  readonly batch: number;
  /** Digest of that batch. */
  readonly digest: Uint8Array;
  /** The last entry that is sealed; it may lie in the batch that follows. */
  readonly entry: number;
}

/** A journal line whose tenant's keys do not open at present, sealed for the deployment. */
export interface HeldLine {
  /** Its place among those of its tenant; rises. */
  readonly seq: number;
  readonly scope: string;
  readonly sealed: Uint8Array;
}

/** What happens at once or not at all. */
export interface SealedStep {
  readonly logs: readonly LogStep[];
  /** `before`: the entry up to which the writer's journal was sealed until now. */
  readonly through?: { readonly before: number; readonly to: SealedThrough };
  /** Lines to be held, and scopes with the last line of theirs that need be held no longer. */
  readonly hold?: readonly Pick<HeldLine, 'scope' | 'sealed'>[];
  readonly release?: readonly { readonly scope: string; readonly seq: number }[];
}

/** Which rows, in the order of time. */
export interface RowQuery {
  readonly id?: string;
  readonly tags?: IndexRow['tags'];
  /** All of these bits. */
  readonly flags?: number;
  /** Outcomes that name their cause, and nothing else. */
  readonly caused?: boolean;
  /** From this time on, in milliseconds since 1970. */
  readonly sinceMs?: number;
  /** Before this time. */
  readonly untilMs?: number;
  readonly descending?: boolean;
  /** Tags that are wanted of the rows: others may be left out. All when not given. */
  readonly tagsWanted?: readonly TagName[];
  /** The last row of the page before. */
  readonly after?: Pick<IndexRow, 'ts' | 'ix'>;
  readonly limit: number;
}

/** Which rows are counted. */
export interface CountQuery extends Pick<RowQuery, 'sinceMs' | 'untilMs'> {
  /** Rows of leaves before this one. */
  readonly below: number;
  /** All of these bits. */
  readonly flags: number;
  /** And these as well, when nothing came of it yet. */
  readonly openFlags: number;
  /** None of these bits. */
  readonly without: number;
  /** Bits that are counted on their own, of rows with an end. */
  readonly counted: number;
}

/** Rows that have tags in common. */
export interface RowCount {
  /** As they were asked for; `undefined`: they have none. */
  readonly tags: readonly (number | undefined)[];
  readonly rows: number;
  /** Those that have the bits `counted`. */
  readonly counted: number;
  /** The latest of them. */
  readonly last: Pick<IndexRow, 'ts' | 'ix'>;
}

/** Reading a log; the root log is read in the same way. */
export interface LogReads {
  /** Slices from the one that holds leaf `from` on, in order, at most `limit`. */
  slices(log: LogName, from: number, limit: number): Promise<readonly Slice[]>;
  /** Hashes of a tile, 32 bytes each, as many as there are: level 1 and above. `undefined`: none yet. */
  tile(log: LogName, level: number, index: number): Promise<Uint8Array | undefined>;
}

/** All logs of one month. */
export interface Period extends LogReads {
  readonly name: string;
  /** The slice that holds a leaf. `undefined`: there is no such leaf. */
  sliceWith(log: LogName, ix: number): Promise<PartSlice | undefined>;
  /** Every log, or all of these scopes, in the order in which they were made. */
  logs(scopes?: readonly string[]): Promise<readonly StoredLog[]>;
  /** Logs that have grown since their last checkpoint, at most `limit`. */
  unnoted(limit: number): Promise<readonly StoredLog[]>;
  /** How the last log of a scope ended that lies in an earlier period. */
  endBefore(scope: string): Promise<LogEnd | undefined>;
  through(writer: string): Promise<SealedThrough | undefined>;
  /** The same of every writer that anything was sealed of, in any order. */
  throughs(): Promise<readonly SealedThrough[]>;
  /** Scopes of which lines are held. */
  heldScopes(): Promise<readonly string[]>;
  /** Lines of a scope that are held, in their order, at most `limit`. */
  held(scope: string, limit: number): Promise<readonly HeldLine[]>;
  /**
   * Add to logs, all or nothing. Durable after the next `flush`: until then the journal has the entries.
   *
   * @returns false, and nothing was done, when a log is not of the size given as `from`, is closed, or the journal was
   *   sealed by somebody else meanwhile
   */
  commit(step: SealedStep): Promise<boolean>;
  /** Resolves when everything committed so far would survive a power cut. */
  flush(): Promise<void>;
  /** Keep published checkpoints. */
  note(notes: readonly (LogName & { readonly size: number; readonly note: string })[]): Promise<void>;
  rows(log: LogName, query: RowQuery): Promise<readonly IndexRow[]>;
  /** How many rows there are, by some of their tags. */
  counts(log: LogName, query: CountQuery, by: readonly TagName[]): Promise<readonly RowCount[]>;
}

/** What was last stated of a log. */
export interface StatedHead {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
}

/** The root log, and what it stated of each of the others last. */
export interface RootLog extends Pick<LogReads, 'slices' | 'tile'> {
  head(): Promise<Omit<StoredLog, keyof LogName>>;
  /** `undefined`: nothing was ever stated of it. */
  stated(origin: string): Promise<StatedHead | undefined>;
  /**
   * Add leaves, what they state, and the checkpoint over them: all or nothing, and durable when it resolves.
   *
   * @returns false, and nothing was done, when the root log has grown meanwhile
   */
  publish(step: Omit<LogStep, 'log' | 'rows'>, stated: readonly StatedHead[], note: string): Promise<boolean>;
}

/** The secrets that tenants' logs are made with, sealed; durable when a method resolves. */
export interface LogSecrets {
  get(scope: string): Promise<Uint8Array | undefined>;
  /** Keep it unless there is one. */
  add(scope: string, sealed: Uint8Array): Promise<void>;
  /** Remove it for good. */
  remove(scope: string): Promise<void>;
}

/** Storage of the sealed log. */
export interface Segments {
  /**
   * Made with the root log, and never again: 12 hexadecimal digits. A log that is begun anew, because what it lay in is gone or
   * lies elsewhere, is another one and must not be called the same.
   */
  mark(): Promise<string>;
  /** Names of the periods that have begun, the oldest first. */
  periods(): Promise<readonly string[]>;
  /** @throws Refusal `store_unavailable` when there is no such period */
  period(name: string): Promise<Period>;
  /**
   * Begin a period behind the newest one, with what it takes over from it: how logs ended, how far journals are sealed, held
   * lines. All at once; one that has begun stays as it is.
   *
   * @param ends of the logs of the newest period; those of earlier ones it knows
   * @throws Refusal `store_unavailable` when somebody else has added a log to the newest period that is not among `ends`
   */
  begin(name: string, ends: readonly LogEnd[]): Promise<Period>;
  /** Drop the oldest period, and what was stated of its logs. @returns whether there was one of this name, and another behind it */
  drop(name: string): Promise<boolean>;
  /**
   * Do it while others who seal wait, as far as they can be told to. Nothing rests on it but work that would be lost: of two
   * that commit at once one is refused.
   */
  alone<V>(work: () => Promise<V>): Promise<V>;
  readonly root: RootLog;
  readonly secrets: LogSecrets;
  close(): Promise<void>;
}

/** The name of the root log. */
export const rootLog: LogName = { scope: '', shard: 'root' };
