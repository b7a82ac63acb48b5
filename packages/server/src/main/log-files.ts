import { join } from 'node:path';
import {
  lostJournals,
  openNoteKey,
  openSealedLog,
  Refusal,
  type LentStores,
  type OpenedSealer,
  type SealedLog,
  type SealedLogParts,
  type Segments,
  type Tables,
} from '@sealgate/vault';
import type { DatabaseChoice } from '../config.ts';
import type { Log } from '../log.ts';
import type { PlacedJournal } from './placed-journal.ts';
import { openLogStorage } from './log-storage.ts';
import { openSealing, type Sealing } from './sealing.ts';

/** What the sealed log stands on. */
export interface AuditLogParts {
  readonly dataDirectory: string;
  readonly database: DatabaseChoice;
  readonly tables: Tables;
  readonly sealer: OpenedSealer;
  /** What a thread needs that seals; not given: there is none. */
  readonly lent?: LentStores | undefined;
  readonly journal: Pick<PlacedJournal, 'health' | 'rows' | 'toSeal' | 'journals'>;
  /** As in `SealedLogParts`. */
  readonly anchors?: SealedLogParts['anchors'] | undefined;
  readonly log: Log;
  readonly now: () => number;
}

interface Opened {
  readonly segments: Segments;
  readonly sealed: SealedLog;
  /** On a thread of its own; `undefined`: there is none. */
  readonly sealing: Sealing | undefined;
}

/** The files, opened when they are first asked for, and asked for again when that failed. */
export function openLogFiles(parts: AuditLogParts, failed: (refusal: Refusal) => void) {
  let opening: Promise<Opened> | undefined;
  let now: Opened | undefined;
  return {
    /** `undefined`: nobody asked for them yet. */
    openedNow: () => now?.sealed.keyring,
    begun: () => opening !== undefined,
    opened(): Promise<Opened> {
      opening ??= open(parts, failed).then(
        (opened) => (now = opened),
        (error: unknown) => {
          opening = undefined;
          throw error;
        },
      );
      return opening;
    },
    /** Remove the secret of a tenant's log. @returns whether there was one */
    async forget(tenant: string): Promise<boolean> {
      const { segments, sealed, sealing } = await this.opened();
      const had = (await segments.secrets.get(tenant)) !== undefined;
      await sealed.keyring.forget(tenant, 'destroyed');
      await sealing?.forget(tenant);
      return had;
    },
    /** @param ended resolves when nobody asks any more: what is under way ends once the log is told to */
    async close(ended: Promise<unknown>): Promise<void> {
      const opened = await opening?.catch(() => undefined);
      await opened?.sealed.close();
      await opened?.sealing?.close();
      await ended;
      await opened?.segments.close();
    },
  };
}

async function open(
  { dataDirectory, database, tables, sealer, lent, anchors, journal: placed, now }: AuditLogParts,
  failed: (refusal: Refusal) => void,
): Promise<Opened> {
  const { segments, files } = await openLogStorage(database, dataDirectory, now);
  try {
    const noteKey = await openNoteKey({ tables, sealer, now });
    const journal = join(dataDirectory, 'journal.db');
    // Several instances have one deployment and one key, and a log each: two that are called the same would contradict each other.
    const name = `${sealer.deployment}.${await segments.mark()}`;
    // On DynamoDB the log is that of all instances, and the journals of the others are elsewhere.
    const lost = database.type === 'sqlite' ? await lostJournals(segments, journal) : [];
    for (const writer of lost)
      failed(new Refusal('journal_broken', 'a journal that was sealed is not here any more', writer));
    const sealing =
      lent && files ? openSealing({ ...files, journal, name, anchors, failed }, lent) : undefined;
    const quiet = sealing?.quiet;
    const { rows, toSeal, journals } = placed;
    const given = {
      journal: rows && toSeal && journals ? { rows, toSeal, journals } : journal,
      sealer,
      segments,
      noteKey,
      name,
      anchors,
      now,
      failed,
    };
    const sealed = await openSealedLog(quiet === undefined ? given : { ...given, quiet });
    return { segments, sealed, sealing };
  } catch (error) {
    await segments.close();
    throw error;
  }
}
