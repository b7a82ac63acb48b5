import { join } from 'node:path';
import type { Audit } from '../audit/audit.ts';
import { openJournal } from '../audit/journal.ts';
import { openAudit } from '../audit/record.ts';
import { openSealer } from '../keys/open-sealer.ts';
import type { KeyProvider } from '../keys/provider.ts';
import { Refusal, refuse } from '../refusal.ts';
import { claimDirectory, makeDirectory, type ClaimedDirectory } from '../store/sqlite/data-directory.ts';
import { sqliteTables } from '../store/sqlite/tables.ts';

// A journal has one writer. Each process takes the first free directory of those below the one that is configured, and goes on
// with the chain in it:
//
//   tokens-1/journal.db   sealed entries      tokens-1/keys.db   the key they are sealed under, wrapped by the key service

const directoriesMax = 256;

/** An audit whose journal was opened for it. */
export interface OpenedAudit {
  readonly audit: Audit;
  /** Write what waits, and let the directory go. */
  close(): Promise<void>;
}

/** Where and with what. */
export interface AuditDirectoryParts {
  readonly directory: string;
  readonly provider: KeyProvider;
  readonly now: () => number;
  /** Told what went wrong with the journal. */
  readonly warn: (refusal: Refusal) => void;
}

/**
 * Open the journal of this process.
 *
 * @throws Refusal `data_directory_unsafe`, `journal_broken`, `audit_unavailable`, `key_unavailable`
 */
export async function openAuditDirectory(parts: AuditDirectoryParts): Promise<OpenedAudit> {
  const { provider, now, warn } = parts;
  const { directory, claimed } = claimFree(parts.directory);
  const closing: (() => unknown)[] = [() => claimed.release()];
  const close = async (): Promise<void> => {
    for (const end of closing.toReversed()) await end();
  };
  try {
    const tables = sqliteTables({ file: join(directory, 'keys.db'), now });
    closing.push(() => tables.close());
    const sealer = await openSealer({ tables, provider, now });
    closing.push(() => sealer.close());
    const path = join(directory, 'journal.db');
    const journal = await openJournal({ path, sealer, now, failed: warn });
    closing.push(() => journal.close());
    return { audit: openAudit({ journal, failed: warn }), close };
  } catch (error) {
    await close();
    throw error;
  }
}

function claimFree(parent: string): { readonly directory: string; readonly claimed: ClaimedDirectory } {
  makeDirectory(parent);
  for (let n = 1; n <= directoriesMax; n += 1) {
    const directory = join(parent, `tokens-${n}`);
    try {
      return { directory, claimed: claimDirectory(directory) };
    } catch (error) {
      if (!(error instanceof Refusal && error.code === 'data_directory_in_use')) throw error;
    }
  }
  throw refuse(
    'data_directory_in_use',
    'too many processes write their journal in one directory',
    `${parent} has ${directoriesMax} in use`,
  );
}
