import { realpathSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import {
  claimDirectory,
  openConnections,
  openSealer,
  sealedRecords,
  sealedTables,
  systemTenant,
  tableRecords,
  type Archive,
  type ConnectionRows,
  type KeyProvider,
  type OpenedSealer,
  type Tables,
} from '@sealgate/vault';
import { openKeyWorks, type KeyWorks } from '../admin/key-works.ts';
import type { AppConfig } from '../config.ts';
import { sealClearPeople } from '../domain/clear-people.ts';
import { ensureLocalAdministrator, openPeople, type Membership, type People } from '../domain/people.ts';
import { openUpstreams, type Upstreams } from '../domain/upstreams.ts';
import type { Log } from '../log.ts';
import { openArchive } from './archive.ts';
import type { AuditArchive } from './audit-archive.ts';
import { openAuditing, type Auditing } from './auditing.ts';
import { openDatabase, type Database, type DatabaseState } from './database.ts';
import { followUpstreams, notTold, toldUpstreams, upstreamTopic } from './followed.ts';
import { openRootKeys } from './root-keys.ts';
import { claimTables } from './tables-claim.ts';
import { openTogether, type Shared, type Together } from './together.ts';

/** What everything stands on: one data directory, opened by one process, and the tables, which several may share. */
export interface Ground extends Together, Omit<Auditing, 'start'> {
  readonly tables: Tables;
  readonly examineDatabase: () => Promise<DatabaseState>;
  /** Leave nothing in the store of what was removed from these tables, and say where copies may lie. */
  readonly forgetRows: Database['forget'];
  /** Blobs; what must not be read is sealed before. */
  readonly archive: Archive;
  readonly sealer: OpenedSealer;
  /** Where months of the audit log go. */
  readonly auditArchive: AuditArchive;
  readonly connections: ConnectionRows;
  /** Rotations and moves of keys that this process does. */
  readonly keyWorks: KeyWorks;
  readonly upstreams: Upstreams;
  readonly people: People;
  /** The person who runs this process, and their group. */
  readonly administrator: Membership;
  /** Flush the journal, wipe the keys, close the files and give the directory back. */
  close(): Promise<void>;
}

/**
 * Open the data directory, from the bottom up; what was opened is closed again when a later step fails.
 *
 * @param given empty but in a test of several instances
 * @throws Refusal `config_invalid`, `data_directory_in_use`, `data_directory_unsafe`, `deployment_in_use`, `key_unavailable`, `key_weak`, `journal_broken`, `store_insecure`, `store_unavailable`
 */
export async function openGround(
  config: AppConfig,
  log: Log,
  now: () => number,
  given: Shared = {},
): Promise<Ground> {
  // Whatever this process makes is for its owner only, SQLite's side files and the children's own files included.
  process.umask(0o077);
  const closers: Closers = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).toReversed()) await closer();
  };
  try {
    const stores = await openStores({ config, log, now, given }, closers);
    const { tables, sealer, news, several } = stores;
    const auditing = await openAuditing({ config, log, now, ...stores }, closers);
    const upstreams = await keptUpstreams(tables, sealer, log, now);
    const topic = upstreamTopic(news);
    closers.push(await followUpstreams(upstreams, { topic, log, several }));
    const connections = openConnections(sealedTables(tables, sealer), now);
    closers.push(await connections.follow(news, (error) => notTold(log, error)));
    const keyWorks = openKeyWorks();
    closers.push(() => keyWorks.close());
    const everybody = await openEverybody(tables, sealer, now);
    const auditArchive = auditing.start(everybody.administrator.tenant);
    return {
      ...stores,
      ...auditing,
      auditArchive,
      connections,
      keyWorks,
      ...everybody,
      upstreams: toldUpstreams(upstreams, { topic, log }),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Those who are there already are sealed first. */
async function openEverybody(
  tables: Tables,
  sealer: OpenedSealer,
  now: () => number,
): Promise<Pick<Ground, 'people' | 'administrator'>> {
  const parts = { tables: sealedTables(tables, sealer), sealer, now };
  await sealClearPeople(parts);
  return { people: openPeople(parts), administrator: await ensureLocalAdministrator(parts) };
}

type Closers = (() => void | Promise<void>)[];

interface GroundParts {
  readonly config: AppConfig;
  readonly log: Log;
  readonly now: () => number;
  readonly given: Shared;
}

type Stores = Together &
  Pick<Ground, 'tables' | 'examineDatabase' | 'forgetRows' | 'archive' | 'sealer'> & {
    /** Root keys, the active one first. */
    readonly providers: readonly KeyProvider[];
  };

/** @param closers given what closes each of them, in the order in which they were opened */
async function openStores({ config, log, now, given }: GroundParts, closers: Closers): Promise<Stores> {
  const directory = claimDirectory(config.dataDirectory);
  closers.push(() => directory.release());
  const {
    tables,
    examine: examineDatabase,
    forget: forgetRows,
    close,
  } = await tablesOf(config, now, given.tables);
  closers.push(close);
  const archive = await openArchive(config, log);
  closers.push(() => archive.close());
  const { provider, opening, close: closeRoots } = await openRootKeys(config, tables, now);
  closers.push(closeRoots);
  const sealer = await openSealer({ tables, provider, opening, now });
  closers.push(() => sealer.close());
  const together = await openTogether({ config, tables, sealer, given, log, now });
  closers.push(together.close);
  const unheard = (error: unknown): void =>
    log.warn({ err: error }, 'changes of keys could not be told, or not be looked for');
  closers.push(await sealer.follow(together.news, unheard));
  if (given.tables === undefined && config.database.type === 'dynamodb')
    closers.push(await claim({ config, log, now }, { tables, sealer }));
  const providers = [provider, ...opening];
  return { ...together, tables, examineDatabase, forgetRows, archive, sealer, providers };
}

/** Claim tables that lie elsewhere: nothing but the claim keeps two that do not know of each other apart. */
function claim(
  { config, log, now }: Omit<GroundParts, 'given'>,
  { tables, sealer }: Pick<Ground, 'tables' | 'sealer'>,
): Promise<() => Promise<void>> {
  const sealing = { kind: 'record', table: 'instances', tenant: systemTenant } as const;
  const { ino, birthtimeMs } = statSync(join(config.dataDirectory, 'lock.db'));
  return claimTables({
    records: sealedRecords(tableRecords(tables, { now }), sealer, sealing),
    how: config.redis === undefined ? 'alone' : 'several',
    place: JSON.stringify([hostname(), realpathSync(config.dataDirectory), ino, birthtimeMs]),
    log,
    lost: () => process.kill(process.pid, 'SIGTERM'),
    now,
  });
}

async function tablesOf(
  { database, dataDirectory }: AppConfig,
  now: () => number,
  shared: Tables | undefined,
): Promise<
  Pick<Database, 'examine' | 'forget'> & { readonly tables: Tables; readonly close: () => Promise<void> }
> {
  if (shared === undefined) {
    const { tables, examine, forget } = await openDatabase(database, dataDirectory, now);
    return { tables, examine, forget, close: () => tables.close() };
  }
  const examine = async (): Promise<DatabaseState> => ({ message: 'opened by others', advice: undefined });
  const forget = async () => ({ storage: { store: 'others', done: 'opened by others' }, backups: [] });
  return { tables: shared, examine, forget, close: async () => undefined };
}

function keptUpstreams(
  tables: Tables,
  sealer: Pick<OpenedSealer, 'blind'>,
  log: Log,
  now: () => number,
): Promise<Upstreams> {
  return openUpstreams({
    tables,
    now,
    mark: (text) => sealer.blind('mcp_servers', text),
    foreign: (serverId) =>
      log.error({ serverId }, 'an upstream was changed outside of the gateway and is left out'),
  });
}
