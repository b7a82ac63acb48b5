import { existsSync } from 'node:fs';
import { join } from 'node:path';
import {
  claimDirectory,
  exportInvalid,
  openSealer,
  Refusal,
  type FillableTables,
  type OnProgress,
  type OpenedSealer,
} from '@sealgate/vault';
import type { AppConfig, DatabaseChoice } from '../../config.ts';
import { openTables } from '../database.ts';
import { openRootKeys } from '../root-keys.ts';
import type { Note } from './noted.ts';

/** What every copy is given. */
export interface TransferGround {
  readonly config: AppConfig;
  readonly now: () => number;
  readonly progress: OnProgress;
  /** Has the gateway that runs on the data directory write an entry. @throws Refusal `gateway_unreachable`, `audit_unavailable` */
  readonly noteThere: Note;
}

/** Data that is there, and the keys that open it. */
export interface Source {
  readonly tables: FillableTables;
  readonly sealer: OpenedSealer;
  /** No gateway runs on the data directory. */
  readonly holds: boolean;
  /** Nobody else has the data open: there is no write to wait for. */
  readonly alone: boolean;
  close(): Promise<void>;
}

/**
 * Open the data that the configuration names, whether a gateway runs on it or not. Nothing is made.
 *
 * @throws Refusal `export_invalid` when there is none; `key_unavailable`, `key_weak`, `store_unavailable`
 */
export async function openSource({ config, now }: Pick<TransferGround, 'config' | 'now'>): Promise<Source> {
  const { database, dataDirectory } = config;
  if (database.type === 'sqlite' && !existsSync(join(dataDirectory, 'main.db')))
    throw exportInvalid('there is no data here; look at DATA_DIR', dataDirectory);
  const closers: (() => void | Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).toReversed()) await closer();
  };
  try {
    const claimed = claimUnlessHeld(config);
    closers.push(() => claimed?.release());
    const { tables } = await openTables(database, dataDirectory, now);
    closers.push(() => tables.close());
    if ((await tables.get('deployment', { name: 'deployment' })) === undefined)
      throw exportInvalid('there is no data here yet; nothing was copied');
    const { provider, opening, close: closeRoots } = await openRootKeys(config, tables, now);
    closers.push(closeRoots);
    const sealer = await openSealer({ tables, provider, opening, now });
    closers.push(() => sealer.close());
    const holds = claimed !== undefined;
    return { tables, sealer, holds, alone: database.type === 'sqlite' && holds, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** A database in words. */
export function inWords(database: DatabaseChoice): string {
  if (database.type === 'sqlite') return 'SQLite';
  const { region, tablePrefix, endpoint } = database;
  return `DynamoDB, ${endpoint ?? region ?? 'its region'}, tables ${tablePrefix}*`;
}

function claimUnlessHeld({ dataDirectory }: AppConfig): ReturnType<typeof claimDirectory> | undefined {
  try {
    return claimDirectory(dataDirectory);
  } catch (error) {
    if (error instanceof Refusal && error.code === 'data_directory_in_use') return undefined;
    throw error;
  }
}
