import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { openSealer } from '../keys/open-sealer.ts';
import type { KeyProvider } from '../keys/provider.ts';
import { sqliteTables } from '../store/sqlite/tables.ts';
import { newestCalls, type Call, type CallFilter } from './calls.ts';
import { openJournalReader, type JournalReader } from './journal.ts';
import { mergedCalls } from './merged-calls.ts';

// Every process of SecureTokenManager writes a journal of its own, below one directory. Who asks who used a token means all.

/** The journals below one directory, to be read as one log. */
export interface TokenJournals {
  /** How many there are. */
  readonly count: number;
  /** Calls that are meant, the newest first, for reports, counts and searches. @throws Refusal as a journal's `page` */
  calls(filter: CallFilter): AsyncIterable<readonly Call[]>;
  close(): Promise<void>;
}

/**
 * Open the journals of `SecureTokenManager` for reading, while it may write them.
 *
 * @param parts.directory its `AUDIT_LOG_DIR`
 * @param parts.provider of the root key that it works with
 * @throws Refusal `audit_unavailable`, `journal_broken`, `key_unavailable`
 */
export async function openTokenJournals(parts: {
  readonly directory: string;
  readonly provider: KeyProvider;
  readonly now: () => number;
}): Promise<TokenJournals> {
  const { directory, provider, now } = parts;
  const closing: (() => Promise<unknown> | void)[] = [];
  const close = async (): Promise<void> => {
    for (const end of closing.splice(0).toReversed()) await end();
  };
  try {
    const readers: JournalReader[] = [];
    for (const folder of foldersIn(directory)) {
      const tables = sqliteTables({ file: join(folder, 'keys.db'), now });
      closing.push(() => tables.close());
      const sealer = await openSealer({ tables, provider, now });
      closing.push(() => sealer.close());
      const reader = openJournalReader({ path: join(folder, 'journal.db'), sealer });
      closing.push(() => reader.close());
      readers.push(reader);
    }
    return {
      count: readers.length,
      calls: (filter) => mergedCalls(readers.map((reader) => newestCalls(reader, filter))),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function foldersIn(directory: string): readonly string[] {
  return readdirSync(directory)
    .filter((name) => /^tokens-\d+$/.test(name))
    .toSorted()
    .map((name) => join(directory, name))
    .filter((folder) => existsSync(join(folder, 'journal.db')) && existsSync(join(folder, 'keys.db')));
}
