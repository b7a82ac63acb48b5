import type { KeyObject } from 'node:crypto';
import { refuse, type Refusal } from '../../refusal.ts';
import type { Sealer } from '../../keys/sealer.ts';
import type { SharedJournal } from '../journals.ts';
import type { NamedRows } from '../merged-pages.ts';
import { openRows, type Rows } from '../rows.ts';
import { writerOf } from './journal-lines.ts';
import { logKeyring, type LogKeyring } from './log-keyring.ts';
import { newestPeriod, type LogGround } from './log-ground.ts';
import { isSame } from './log-view.ts';
import { noteKeyName } from './names.ts';
import { logSource, type LogIdentity, type PublishedLog } from './log-source.ts';
import { openEntryProofs, type EntryProofs } from './entry-proofs.ts';
import { proveEntry, type ProvenEntry } from './prove-entry.ts';
import { publish, type PublishParts } from './publish.ts';
import {
  publishedFiles,
  type ArchivedFiles,
  type Disclosure,
  type PublishedFiles,
} from './published-files.ts';
import { newestNote } from './tenant-log.ts';
import { sealJournal, unsealed } from './seal-journal.ts';
import { seamsOf, type Seams } from './seams.ts';
import type { SealedThrough, Segments } from './segments.ts';
import { oneBehindTheOther } from '../../store/in-turn.ts';
import { findRootTurnedBack } from './root-turned-back.ts';
import { findTurnedBack } from './turned-back.ts';
import { writeLog, type WrittenLog } from './write-log.ts';
import { signCheckpoint, type Checkpoint } from '../../tlog/checkpoint.ts';
import { signerOf } from '../../tlog/note.ts';

/** What the sealed log stands on. */
export interface SealedLogParts {
  /** The journal's file, or the journals of several processes. They are only read. */
  readonly journal: string | Pick<SharedJournal, 'rows' | 'toSeal' | 'journals'>;
  readonly sealer: Sealer;
  /** What strangers know the log by; the deployment when not given. No two logs may have the same. */
  readonly name?: string;
  /** Closed by whoever opened it, after this. */
  readonly segments: Segments;
  /** Signs checkpoints. */
  readonly noteKey: KeyObject;
  readonly now: () => number;
  /** Version of the redaction policy; 1 when not given. */
  readonly policy?: number;
  /** Does work while nobody else seals or publishes; `Segments.alone` when not given. */
  readonly quiet?: <V>(work: () => Promise<V>) => Promise<V>;
  /** Told what went wrong and was got over. For the log. */
  readonly failed?: (refusal: Refusal) => void;
  /**
   * Checkpoints of the root log that were noted elsewhere last. Asked before the first one is signed, and again while that
   * fails; `undefined`: there is nobody to ask.
   *
   * @param name what strangers know the log by
   */
  readonly anchors?: ((name: string) => Promise<readonly string[]>) | undefined;
}

/** Whose bodies are disclosed; `undefined`: everybody's. */
export type Disclosed = Pick<Disclosure, 'scope'>;

/** Turns the journal into logs that strangers can check. */
export interface SealedLog {
  /** Verifier keys of the checkpoints (C2SP signed-note). */
  readonly vkeys: readonly string[];
  /** The keys of tenants' logs. */
  readonly keyring: LogKeyring;
  /**
   * Seal what the journal holds, and publish what has grown. Runs one at a time.
   *
   * @returns entries sealed
   * @throws Refusal `journal_broken`, `key_unavailable`, `audit_unavailable`, `store_unavailable`
   */
  run(): Promise<number>;
  /**
   * Write the published log into a folder that is not there yet, or empty.
   *
   * @param disclose a tenant whose entries' bodies are written, too
   * @throws as {@link writeLog}
   */
  write(directory: string, disclose?: string): Promise<WrittenLog>;
  /**
   * The published log as it is now, to be taken at leisure.
   *
   * @param anchors checkpoints that were noted elsewhere before this was asked for
   * @throws as {@link publishedFiles}
   */
  published(
    disclose?: Disclosed,
    archived?: ArchivedFiles,
    anchors?: readonly string[],
  ): Promise<PublishedFiles>;
  /** The published log, by path. */
  source(): PublishedLog;
  /** As {@link newestNote}. */
  newest(tenant: string): Promise<string | undefined>;
  /** How many entries of the journal of this process are not sealed. @throws Refusal `audit_unavailable`, `store_unavailable` */
  backlog(): Promise<number>;
  /**
   * How much of each journal is sealed, and on the disk for sure.
   *
   * @throws Refusal `store_unavailable`
   */
  settled(): Promise<readonly SealedThrough[]>;
  /** As {@link seamsOf}, of the journals that are there now. @param sealed as the newest period says */
  seams(sealed: readonly SealedThrough[]): Promise<Seams>;
  /** What its logs are known by, to strangers. */
  readonly identity: LogIdentity;
  /**
   * Drop the oldest month, while nothing is sealed or published.
   *
   * @returns whether it was the oldest, and another is behind it
   */
  drop(month: string): Promise<boolean>;
  /**
   * What proves the entries of an export.
   *
   * @param catchUp seals what the journal holds
   */
  proofs(catchUp: () => Promise<unknown>): EntryProofs;
  /** As {@link proveEntry}. */
  prove(scope: string | undefined, id: string): Promise<ProvenEntry | undefined>;
  /** Resolves when what is under way has come to a point where it can end. */
  close(): Promise<void>;
}

/** How long sealing goes on before what is sealed is published. */
const publishMs = 1000;

/**
 * Open the sealed log, and look whether all of it is there that was stated before.
 *
 * @throws Refusal `audit_unavailable`, `journal_broken` when the journal is no database; `store_unavailable`
 */
export async function openSealedLog(parts: SealedLogParts): Promise<SealedLog> {
  const { segments, now, policy = 1, failed = () => undefined, quiet = segments.alone } = parts;
  const sealer = { ...parts.sealer, deployment: parts.name ?? parts.sealer.deployment };
  const signer = signerOf(noteKeyName(sealer.deployment), parts.noteKey);
  const sign = (checkpoint: Checkpoint) => signCheckpoint(checkpoint, [signer]);
  const turnedBack = await findTurnedBack(segments, sealer.deployment);
  for (const origin of turnedBack.keys())
    failed(refuse('journal_broken', 'an audit log is older than what was stated of it', origin));
  const keyring = logKeyring(sealer, segments.secrets, now);
  const journals = journalsOf(parts.journal);
  const ground = { sealer, segments, keyring, policy, turnedBack, failed };
  const identity = { deployment: sealer.deployment, vkeys: [signer.vkey] };
  const rootTurnedBack = await findRootTurnedBack({ segments, identity, anchors: parts.anchors, failed });
  let closed = false;
  const queued = oneBehindTheOther();
  const publishing = { sealer, segments, sign, turnedBack, rootTurnedBack };
  const run = () => queued(async () => sealEach(await journals.toSeal(), ground, publishing, () => closed));
  return {
    vkeys: identity.vkeys,
    keyring,
    run,
    ...takenBy({ segments, identity, sealer, keyring, now }, (work) => queued(() => quiet(work))),
    backlog: () => unsealed({ rows: journals.own, segments }),
    seams: async (sealed) => seamsOf(await journals.named(), sealed),
    async close() {
      closed = true;
      await queued(journals.close);
    },
  };
}

function journalsOf(journal: SealedLogParts['journal']): {
  /** Of this process. */
  readonly own: Rows;
  toSeal(): Promise<readonly Rows[]>;
  named(): Promise<readonly NamedRows[]>;
  close(): Promise<void>;
} {
  if (typeof journal !== 'string')
    return {
      own: journal.rows,
      toSeal: journal.toSeal,
      named: journal.journals,
      close: async () => undefined,
    };
  const rows = openRows(journal);
  return {
    own: rows,
    toSeal: async () => [rows],
    async named() {
      const writer = await writerOf(rows);
      return writer === undefined ? [] : [{ writer, rows }];
    },
    close: async () => rows.close(),
  };
}

/** A journal that does not hold keeps no other one from being sealed. @throws what the first of them failed with */
async function sealEach(
  journals: readonly Rows[],
  ground: Omit<LogGround, 'rows'>,
  publishing: PublishParts,
  closed: () => boolean,
): Promise<number> {
  let sealed = 0;
  const failures: unknown[] = [];
  for (const [at, rows] of journals.entries())
    try {
      // Whoever wrote another one has sealed it mostly.
      if (at > 0 && (await unsealed({ ...ground, rows })) === 0) continue;
      sealed += await sealWhatIsThere({ ...ground, rows }, publishing, closed);
    } catch (error) {
      failures.push(error);
    }
  if (failures.length > 0) throw failures[0];
  return sealed;
}

// What is sealed is published while more is sealed, so that a journal which grows as fast holds no checkpoint up.
async function sealWhatIsThere(
  ground: LogGround,
  publishing: PublishParts,
  closed: () => boolean,
): Promise<number> {
  const there = await unsealed(ground);
  let sealed = 0;
  for (;;) {
    const before = sealed;
    const untilMs = performance.now() + publishMs;
    const enough = (more: number): boolean => more > 0 && before + more >= there;
    try {
      sealed += await sealJournal(ground, (more) => closed() || enough(more) || performance.now() > untilMs);
    } finally {
      while (!closed() && (await publish(publishing)) > 0);
    }
    if (closed() || sealed === before || sealed >= there) return sealed;
  }
}

/** What is taken out of the log. */
function takenBy(
  {
    segments,
    identity,
    sealer,
    keyring,
    now,
  }: Omit<Disclosure, 'scope'> & Parameters<typeof proveEntry>[0] & Pick<SealedLogParts, 'now'>,
  alone: NonNullable<SealedLogParts['quiet']>,
): Pick<
  SealedLog,
  'write' | 'published' | 'settled' | 'identity' | 'drop' | 'source' | 'newest' | 'proofs' | 'prove'
> {
  const settled = settling(segments);
  const snapshot = (disclose: Disclosed | undefined, archived?: ArchivedFiles, anchors?: readonly string[]) =>
    publishedFiles(segments, identity, {
      disclose: disclose && { ...disclose, sealer, keyring },
      archived,
      anchors,
    });
  return {
    write: (directory, scope) =>
      alone(async () =>
        writeLog(directory, (await snapshot(scope === undefined ? undefined : { scope })).files()),
      ),
    published: (...wanted) => alone(() => snapshot(...wanted)),
    settled: () => alone(settled),
    identity,
    drop: (month) => alone(() => segments.drop(month)),
    source: () => logSource(segments, identity),
    newest: (tenant) => newestNote(segments, tenant),
    proofs: (catchUp) => openEntryProofs({ segments, identity, sealer, keyring, catchUp, now }),
    prove: (scope, id) => proveEntry({ segments, identity }, scope, id),
  };
}

/** What was on the disk the last time need not be brought there again. */
function settling(segments: Segments): () => Promise<readonly SealedThrough[]> {
  let settled: readonly SealedThrough[] = [];
  return async () => {
    const sealed = (await (await newestPeriod(segments))?.throughs()) ?? [];
    if (!isSame(settled, sealed))
      for (const name of await segments.periods()) await (await segments.period(name)).flush();
    return (settled = sealed);
  };
}
