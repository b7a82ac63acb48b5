import { readdirSync, readFileSync } from 'node:fs';

// What a child starts inherits its environment, and with it the credential. So a child is ended with everything below
// it, and with everything that carries its mark: a process whose parent has ended is below nobody, but has the mark for
// as long as it has the environment. Linux tells both; elsewhere a child is ended alone.

/** The variable that marks a child and whatever it starts. */
export const markName = 'CHILD_OF_SEALGATE';

/** One process. An id is used again later on: with its start it names one process for good. */
export interface Relative {
  readonly pid: number;
  /** Clock ticks since the machine started; `undefined` where nobody says. */
  readonly startedAt: string | undefined;
}

interface Seen extends Relative {
  readonly parent: number;
  readonly dead: boolean;
}

/** The process and everything below it, it first. */
export function familyOf(pid: number): readonly Relative[] {
  const all = readAll();
  const family: Relative[] = [all.find((one) => one.pid === pid) ?? { pid, startedAt: undefined }];
  for (const each of family) family.push(...all.filter(({ parent }) => parent === each.pid));
  return family;
}

/** Every process that was started with this mark in its environment. */
export function marked(mark: string): readonly Relative[] {
  const line = `${markName}=${mark}\0`;
  return readAll().filter(({ pid }) => (readText(`/proc/${pid}/environ`) ?? '').includes(line));
}

/** Signal it, if it is still there. @returns whether it is (one that ended and was not waited for is not) */
export function signal({ pid, startedAt }: Relative, name: NodeJS.Signals | 0): boolean {
  if (startedAt !== undefined) {
    const now = read(pid);
    if (now?.startedAt !== startedAt || now.dead) return false;
  }
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

function readAll(): readonly Seen[] {
  try {
    return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (read(Number(name)) ?? []) : []));
  } catch {
    return [];
  }
}

// proc_pid_stat(5): pid (name) state ppid … starttime, the 22nd. The name may hold anything, a bracket too.
function read(pid: number): Seen | undefined {
  const text = readText(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state = '', parent = ''] = fields;
  return { pid, parent: Number(parent), startedAt: fields[19], dead: 'ZX'.includes(state) };
}

/** `undefined` when it is gone, or another user's. */
function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}
