import type { Sealer } from '../keys/sealer.ts';
import { systemTenant } from '../keys/system-tenant.ts';
import { sealedRecords } from '../keys/sealed-records.ts';
import type { Records } from '../store/records.ts';
import { rulesOf, type SessionStoreConfig } from './config.ts';
import type { SessionStoreParts } from './sealed-session-store.ts';
import { openSessions } from './sessions.ts';

/** What a session store stands on before it is sealed. */
export interface OpenedRecords {
  readonly records: Records;
  /** Ends what was opened for these records, beside them. */
  close?(): Promise<void>;
  /** Other records to look into, and to move from: see `besideRecords`. */
  beside?(sealed: Records): Records;
}

/** A session store's parts over records that are opened meanwhile. */
export async function openStore(
  config: SessionStoreConfig,
  opening: OpenedRecords | Promise<OpenedRecords>,
): Promise<SessionStoreParts> {
  // Both are waited for: what was opened is closed when the other fails.
  const [sealer, opened] = await Promise.allSettled([config.sealer, opening]);
  if (opened.status === 'rejected') throw opened.reason;
  const { records, close, beside } = opened.value;
  const closeAll = async (): Promise<void> => {
    await records.close();
    await close?.();
  };
  if (sealer.status === 'rejected') {
    await closeAll();
    throw sealer.reason;
  }
  const sealed = sealedSessions(records, sealer.value);
  return { sessions: openSessions(beside?.(sealed) ?? sealed, rulesOf(config)), close: closeAll };
}

/**
 * Records of sessions behind a sealer: ids and users blinded, values sealed. They are looked up before their person is
 * known, so they belong to the deployment.
 */
export function sealedSessions(records: Records, sealer: Sealer): Records {
  return sealedRecords(records, sealer, { kind: 'session', table: 'sessions', tenant: systemTenant });
}
