import { existsSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { refuse } from '../../../refusal.ts';
import { asking } from '../../../store/sqlite/sqlite-error.ts';
import { onDisk, syncDirectory } from '../../../store/atomic-file.ts';
import type { LogEnd, Segments } from '../segments.ts';
import { openPeriod, type OpenPeriod } from './period.ts';
import { openRoot } from './root.ts';
import { beginFile, hasBegun, openLogFile, periodTables, rootTables, type LogFile } from './schema.ts';

// One file a month, for all tenants: `<directory>/<yyyymm>.db`. A month's file is unlinked as a whole, so nothing is ever
// deleted out of one. The root log has a file of its own, beside the journal.

const periodName = /^\d{6}$/;

/** Where the log lies. */
export interface SqliteSegmentsOptions {
  /** For the months, such as `DATA_DIR/audit`; made with mode 0700. */
  readonly directory: string;
  /** For the root log, such as `DATA_DIR/audit-root.db`. */
  readonly rootFile: string;
  /** `undefined`: found out from the file system. */
  readonly networkMount?: boolean;
}

/** The log in these files. */
export interface SqliteSegments extends Segments {
  /**
   * Made with the root log, and never again: 12 hexadecimal digits. A log that is begun anew, because its files are gone or lie
   * elsewhere, is another one and must not be called the same.
   */
  readonly mark: string;
  /** Whether others may open the same files meanwhile; not on a network mount. */
  readonly shared: boolean;
}

/** The sealed log on SQLite. @throws Refusal `store_unavailable`, as do the methods */
export function sqliteSegments({ directory, rootFile, networkMount }: SqliteSegmentsOptions): SqliteSegments {
  const rootAt = openLogFile({ file: rootFile, networkMount });
  beginFile(rootAt, rootTables);
  const files = periodFiles(directory, networkMount);
  const { root, secrets, forget } = openRoot(rootAt);
  return {
    root,
    secrets,
    mark: asking(() => String(rootAt.db.prepare('SELECT mark FROM made').get()?.['mark'])),
    shared: rootAt.lazy,
    // One process has these files open, and one thread of it seals.
    alone: (work) => work(),
    periods: async () => files.begun(),
    async period(name) {
      const period = files.find(name);
      if (period === undefined)
        throw refuse('store_unavailable', 'there is no such month in the audit log', name);
      return period;
    },
    async begin(name, ends) {
      const known = files.find(name);
      if (known !== undefined) return known;
      const before = files.begun().at(-1);
      if (!periodName.test(name) || (before !== undefined && before > name))
        throw refuse('item_invalid', 'a month of the audit log begins behind the others', name);
      const handed = before === undefined ? undefined : files.find(before)?.handOver();
      files.begin(name, (file) => takeOver(file, handed, ends));
      // Else the power could take the files with it, and all that was flushed into them.
      await onDisk(async () => {
        for (const folder of [directory, dirname(directory), dirname(rootFile)]) await syncDirectory(folder);
      });
      return files.find(name)!;
    },
    async drop(name) {
      const [oldest, ...others] = files.begun();
      if (oldest !== name || others.length === 0) return false;
      files.remove(name);
      forget(name);
      return true;
    },
    async close() {
      files.close();
      if (rootAt.db.isOpen) rootAt.db.close();
    },
  };
}

/** The files of the months, each opened when it is first asked for. */
function periodFiles(directory: string, networkMount: boolean | undefined) {
  const opened = new Map<string, OpenPeriod>();
  const pathOf = (name: string) => join(directory, `${name}.db`);
  const open = (name: string) => openLogFile({ file: pathOf(name), networkMount });
  const keep = (name: string, file: LogFile): OpenPeriod => {
    const period = openPeriod(name, file);
    opened.set(name, period);
    return period;
  };
  const find = (name: string): OpenPeriod | undefined => {
    const known = opened.get(name);
    if (known !== undefined || !existsSync(pathOf(name))) return known;
    const file = open(name);
    if (hasBegun(file)) return keep(name, file);
    file.db.close();
    return undefined;
  };
  const forget = (name: string): void => {
    opened.get(name)?.close();
    opened.delete(name);
  };
  return {
    find,
    begun(): readonly string[] {
      const names = (existsSync(directory) ? readdirSync(directory) : [])
        .filter((file) => file.endsWith('.db'))
        .map((file) => file.slice(0, -'.db'.length))
        .filter((name) => periodName.test(name));
      // Another thread may have dropped one.
      for (const name of opened.keys()) if (!names.includes(name)) forget(name);
      return names.filter((name) => find(name) !== undefined).toSorted();
    },
    begin(name: string, fill: (file: LogFile) => void): void {
      const file = open(name);
      beginFile(file, periodTables, () => fill(file));
      keep(name, file);
    },
    remove(name: string): void {
      forget(name);
      for (const ending of ['', '-wal', '-shm', '-journal']) rmSync(pathOf(name) + ending, { force: true });
    },
    close(): void {
      for (const period of opened.values()) period.close();
      opened.clear();
    },
  };
}

function takeOver(
  { db }: LogFile,
  handed: ReturnType<OpenPeriod['handOver']> | undefined,
  ends: readonly LogEnd[],
): void {
  const end = db.prepare('INSERT OR REPLACE INTO ends VALUES (?, ?, ?, ?)');
  const through = db.prepare('INSERT INTO sealed_through VALUES (?, ?, ?, ?)');
  const held = db.prepare('INSERT INTO held VALUES (?, ?, ?)');
  for (const { scope, shard, size, root } of [...(handed?.ends ?? []), ...ends])
    end.run(scope, shard, size, root);
  for (const { writer, batch, digest, entry } of handed?.through ?? [])
    through.run(writer, batch, digest, entry);
  for (const { seq, scope, sealed } of handed?.held ?? []) held.run(seq, scope, sealed);
}
