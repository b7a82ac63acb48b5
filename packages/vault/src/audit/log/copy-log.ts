import { existsSync, readdirSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { syncDirectory } from '../../store/atomic-file.ts';
import { copyJournal } from '../journal-copy.ts';
import { fileRefusal } from '../journal-file.ts';

// The files of a sealed log in another place, where they lie together: `root.db`, and `<yyyymm>.db` for each month. The root is
// copied first: months that have more than it states can be read and verified, months that have less cannot. Where it goes on,
// the root comes last: without it there is no log.

/** Where the log of an instance lies. */
export interface LogPlace {
  readonly directory: string;
  readonly rootFile: string;
}

const rootName = 'root.db';
const monthName = /^\d{6}\.db$/;

/**
 * Copy the log as it stands into a folder, where it may lie in part already.
 *
 * @returns names of its files; none when there is no log
 * @throws Refusal `audit_unavailable`, `journal_broken` when a file is no database
 */
export async function copyLog({ directory, rootFile }: LogPlace, to: string): Promise<readonly string[]> {
  if (!existsSync(rootFile)) return [];
  await mkdir(to, { recursive: true, mode: 0o700 });
  await copyJournal(rootFile, join(to, rootName));
  const months = monthsIn(directory);
  for (const month of months) await copyJournal(join(directory, month), join(to, month));
  return [rootName, ...months];
}

/**
 * What tells a log from those of other instances, by its copy.
 *
 * @throws Refusal `audit_unavailable`, `journal_broken`
 */
export function markOf(copy: string): string {
  const file = join(copy, rootName);
  try {
    const db = new DatabaseSync(file, { readOnly: true });
    try {
      return String(db.prepare('SELECT mark FROM made').get()?.['mark']);
    } finally {
      db.close();
    }
  } catch (error) {
    throw fileRefusal(file, error);
  }
}

/** Put a copy in the place of a log that goes on. What is there already stays. @throws as {@link copyLog} */
export async function placeLog(from: string, { directory, rootFile }: LogPlace): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  for (const month of monthsIn(from)) await copyJournal(join(from, month), join(directory, month));
  await syncDirectory(directory);
  await copyJournal(join(from, rootName), rootFile);
}

/**
 * Take a log out of its place for good: whoever opens the place again begins another one. Nobody may have it open. Done again
 * where it was interrupted.
 */
export async function setLogAside({ directory, rootFile }: LogPlace, to: string): Promise<void> {
  await mkdir(to, { recursive: true, mode: 0o700 });
  for (const ending of ['-wal', '-shm', ''])
    if (existsSync(rootFile + ending)) await rename(rootFile + ending, join(to, rootName + ending));
  for (const file of existsSync(directory) ? readdirSync(directory) : [])
    await rename(join(directory, file), join(to, file));
  await syncDirectory(to);
}

function monthsIn(directory: string): readonly string[] {
  return (existsSync(directory) ? readdirSync(directory) : [])
    .filter((name) => monthName.test(name))
    .toSorted();
}
