import {
  openAudit,
  Refusal,
  sealedTables,
  systemTenant,
  type AuditContext,
  type OpenedSealer,
  type Tables,
} from '@sealgate/vault';
import type { AppConfig } from '../../config.ts';
import { requestId } from '../../domain/request-id.ts';
import { findLocalAdministrator } from '../../domain/people.ts';
import { openPlacedJournal } from '../placed-journal.ts';
import { noteTransfer, type TransferEntry } from '../../admin/transfer-operations.ts';

// Copies are in the journal like everything else that is done to the data: what was asked for, durable before anything is
// read, and what came of it. One process writes a journal: where a gateway runs on the data directory, it writes the entries.

/** Writes one entry; it is durable when this resolves. @throws Refusal `audit_unavailable`: what it is about must not be done */
export type Note = (entry: TransferEntry) => Promise<void>;

/** Entries into the journal of the configured data directory, which this process holds. */
export function noteHere(
  {
    config,
    now,
  }: {
    readonly config: Pick<AppConfig, 'dataDirectory' | 'database' | 'auditLog'>;
    readonly now: () => number;
  },
  { tables, sealer }: { readonly tables: Tables; readonly sealer: OpenedSealer },
): Note {
  return async (entry) => {
    const unsaid = (): void => undefined;
    const journal = await openPlacedJournal({ config, sealer, now, failed: unsaid, lost: unsaid });
    try {
      const administrator = await findLocalAdministrator(sealedTables(tables, sealer));
      const context: AuditContext = {
        tenant: administrator?.tenant ?? systemTenant,
        actor:
          administrator === undefined
            ? { type: 'system', id: 'sealgate' }
            : { type: 'person', id: administrator.subject },
        source: 'cli',
        correlation: requestId(now()),
      };
      await noteTransfer(openAudit({ journal }), context, entry);
    } finally {
      await journal.close();
    }
  };
}

/**
 * Do something between its two entries: `attempt` is durable before `work` begins, and what became of it is `done`.
 *
 * @param counted what `work` came to, in numbers
 * @throws Refusal `audit_unavailable`, and nothing was done; whatever `work` throws
 */
export async function noted<T>(
  note: Note,
  { attempt, done }: { readonly attempt: TransferEntry; readonly done: TransferEntry['act'] },
  work: () => Promise<T>,
  counted: (result: T) => string,
): Promise<T> {
  await note(attempt);
  try {
    const result = await work();
    await note({ act: done, object: counted(result), out: 'success' });
    return result;
  } catch (error) {
    const code = error instanceof Refusal ? error.code : 'internal';
    // Nothing takes its place: the first failure is the one to know of.
    await note({ act: done, object: 'nothing', out: 'failure', code }).catch(() => undefined);
    throw error;
  }
}
