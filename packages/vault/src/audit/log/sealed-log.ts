import type { KeyObject } from 'node:crypto';
import { refuse, Refusal } from '../../refusal.ts';
import type { Sealer } from '../../keys/sealer.ts';
import { openRows } from '../rows.ts';
import { logKeyring, type LogKeyring } from './log-keyring.ts';
import type { LogGround } from './log-ground.ts';
import { noteKeyName } from './names.ts';
import { publish } from './publish.ts';
import { sealJournal } from './seal-journal.ts';
import type { Segments } from './segments.ts';
import { oneBehindTheOther } from './turns.ts';
import { findTurnedBack, isRootTurnedBack } from './turned-back.ts';
import { writeLog, type WrittenLog } from './write-log.ts';
import { signCheckpoint, type Checkpoint } from '../../tlog/checkpoint.ts';
import { signerOf } from '../../tlog/note.ts';

/** What the sealed log stands on. */
export interface SealedLogParts {
  /** The journal's file; it is only read. */
  readonly journal: string;
  readonly sealer: Sealer;
  /** Closed by whoever opened it, after this. */
  readonly segments: Segments;
  /** Signs checkpoints. */
  readonly noteKey: KeyObject;
  readonly now: () => number;
  /** Version of the redaction policy; 1 when not given. */
  readonly policy?: number;
  /** Told when sealing or publishing fails; it is tried again. For the log. */
  readonly failed?: (refusal: Refusal) => void;
}

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
   * Write the published log into a folder that is not there yet.
   *
   * @param disclose a tenant whose entries' bodies are written, too
   * @throws as {@link writeLog}
   */
  write(directory: string, disclose?: string): Promise<WrittenLog>;
  /** Run again and again, a second apart. */
  start(): void;
  /** Resolves when what is under way has come to a point where it can end. */
  close(): Promise<void>;
}

const pauseMs = 1000;

/**
 * Open the sealed log, and look whether all of it is there that was stated before.
 *
 * @throws Refusal `audit_unavailable`, `journal_broken` when the journal is no database; `store_unavailable`
 */
export async function openSealedLog(parts: SealedLogParts): Promise<SealedLog> {
  const { segments, sealer, now, policy = 1, failed = () => undefined } = parts;
  const signer = signerOf(noteKeyName(sealer.deployment), parts.noteKey);
  const sign = (checkpoint: Checkpoint) => signCheckpoint(checkpoint, [signer]);
  const turnedBack = await findTurnedBack(segments, sealer.deployment);
  const rootTurnedBack = await isRootTurnedBack(segments, sealer.deployment);
  for (const origin of turnedBack.keys())
    failed(refuse('journal_broken', 'an audit log is older than what was stated of it', origin));
  const keyring = logKeyring(sealer, segments.secrets, now);
  const rows = openRows(parts.journal);
  const ground: LogGround = { rows, sealer, segments, keyring, policy, turnedBack, failed };
  const identity = { deployment: sealer.deployment, vkeys: [signer.vkey] };
  let closed = false;
  const queued = oneBehindTheOther();
  let timer: NodeJS.Timeout | undefined;
  const once = async (): Promise<number> => {
    try {
      return await sealJournal(ground, () => closed);
    } finally {
      while (!closed && (await publish({ sealer, segments, sign, turnedBack, rootTurnedBack })) > 0);
    }
  };
  const run = () => queued(once);
  const again = () => {
    timer = setTimeout(() => {
      void run()
        .catch((error: unknown) => failed(asRefusal(error)))
        .then(() => {
          if (!closed) again();
        });
    }, pauseMs).unref();
  };

  return {
    vkeys: identity.vkeys,
    keyring,
    run,
    write: (directory, scope) =>
      queued(() =>
        writeLog(directory, segments, identity, scope === undefined ? undefined : { scope, sealer, keyring }),
      ),
    start() {
      if (timer === undefined) again();
    },
    async close() {
      closed = true;
      clearTimeout(timer);
      await queued(async () => rows.close());
    },
  };
}

function asRefusal(error: unknown): Refusal {
  return error instanceof Refusal
    ? error
    : refuse('audit_unavailable', 'the audit log could not be sealed', String(error), error);
}
