import type { KeyObject } from 'node:crypto';
import { refuse, type Refusal } from '../../refusal.ts';
import type { Sealer } from '../../keys/sealer.ts';
import { openRows } from '../rows.ts';
import { logKeyring, type LogKeyring } from './log-keyring.ts';
import type { LogGround } from './log-ground.ts';
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
import { sealedThrough, sealJournal, unsealed } from './seal-journal.ts';
import type { Period, SealedThrough, Segments } from './segments.ts';
import { oneBehindTheOther } from './turns.ts';
import { findRootTurnedBack } from './root-turned-back.ts';
import { findTurnedBack } from './turned-back.ts';
import { writeLog, type WrittenLog } from './write-log.ts';
import { signCheckpoint, type Checkpoint } from '../../tlog/checkpoint.ts';
import { signerOf } from '../../tlog/note.ts';

/** What the sealed log stands on. */
export interface SealedLogParts {
  /** The journal's file; it is only read. */
  readonly journal: string;
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
  /**
   * How much of the journal is sealed, as the newest period says.
   *
   * @returns `undefined`: nothing, or the journal lacks what was sealed of it
   * @throws as {@link run}
   */
  through(newest: Period): Promise<SealedThrough | undefined>;
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
  const rows = openRows(parts.journal);
  const ground: LogGround = { rows, sealer, segments, keyring, policy, turnedBack, failed };
  const identity = { deployment: sealer.deployment, vkeys: [signer.vkey] };
  const rootTurnedBack = await findRootTurnedBack({ segments, identity, anchors: parts.anchors, failed });
  let closed = false;
  const queued = oneBehindTheOther();
  const publishing = { sealer, segments, sign, turnedBack, rootTurnedBack };
  const run = () => queued(() => sealWhatIsThere(ground, publishing, () => closed));
  return {
    vkeys: identity.vkeys,
    keyring,
    run,
    ...takenBy({ segments, identity, sealer, keyring, now }, (work) => queued(() => quiet(work))),
    through: (newest) => sealedThrough(rows, newest),
    async close() {
      closed = true;
      await queued(async () => rows.close());
    },
  };
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
): Pick<SealedLog, 'write' | 'published' | 'identity' | 'drop' | 'source' | 'newest' | 'proofs' | 'prove'> {
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
    identity,
    drop: (month) => alone(() => segments.drop(month)),
    source: () => logSource(segments, identity),
    newest: (tenant) => newestNote(segments, tenant),
    proofs: (catchUp) => openEntryProofs({ segments, identity, sealer, keyring, catchUp, now }),
    prove: (scope, id) => proveEntry({ segments, identity }, scope, id),
  };
}
