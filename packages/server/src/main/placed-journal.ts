import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  journalBeside,
  type Journal,
  type OpenedSealer,
  type Refusal,
  type SharedJournal,
} from '@sealgate/vault';
import type { AppConfig } from '../config.ts';
import { openDynamoAdapter } from './database.ts';
import { openDataJournal, type DataJournalParts } from './journal.ts';

/**
 * A journal in the data directory, or on DynamoDB: there every process writes one of its own, `journals` has all of them, and
 * `toSeal` says which may be sealed.
 */
export type PlacedJournal = Journal & Partial<Pick<SharedJournal, 'rows' | 'toSeal' | 'journals'>>;

/** What a journal is opened with. */
export interface PlacedJournalParts {
  readonly config: Pick<AppConfig, 'dataDirectory' | 'database' | 'auditLog'>;
  readonly sealer: OpenedSealer;
  readonly now: () => number;
  /** Told when a commit fails, when recovery fails, and for each lost outcome. */
  readonly failed: (refusal: Refusal) => void;
  /** Told of a device that fails, and of one that is back. */
  readonly told?: DataJournalParts['told'];
  /** Told when another process goes on with this journal: this one has to stop. */
  readonly lost: () => void;
}

/**
 * Open the journal where the database is.
 *
 * @throws Refusal `journal_broken`, `audit_unavailable`, `key_unavailable`, `config_invalid` when the adapter's package is not
 *   installed
 */
export async function openPlacedJournal(parts: PlacedJournalParts): Promise<PlacedJournal> {
  const { config, sealer, now, failed, told, lost } = parts;
  const { database, dataDirectory } = config;
  const path = join(dataDirectory, 'journal.db');
  if (database.type === 'sqlite')
    return openDataJournal({ config, sealer, now, failed, ...(told && { told }) });
  const { openDynamoJournal } = await openDynamoAdapter();
  // What was written before the tables were there, or was brought in with an import.
  const beside = existsSync(path) ? await journalBeside(path) : [];
  return openDynamoJournal({ ...database, sealer, now, failed, lost, beside });
}
