import { readdirSync, readFileSync } from 'node:fs';

// What a child starts inherits its environment, and with it the credential. So a child is ended with everything below
// it. Linux says who is below whom; elsewhere a child is ended alone. A process that left its parent before (a daemon)
// cannot be found.

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
  const self = all.find((one) => one.pid === pid) ?? { pid, startedAt: undefined };
  const family: Relative[] = [self];
  for (const each of family) family.push(...all.filter(({ parent }) => parent === each.pid));
  return family.map((one) => ({ pid: one.pid, startedAt: one.startedAt }));
}

/** Signal it, if it is still there. @returns whether it is (one that ended and was not waited for is not) */
export function signal({ pid, startedAt }: Relative, name: NodeJS.Signals | 0): boolean {
  if (startedAt !== undefined) {
    const now = read(String(pid));
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
    return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (read(name) ?? []) : []));
  } catch {
    return [];
  }
}

// proc_pid_stat(5): pid (name) state ppid … starttime, the 22nd. The name may hold anything, a bracket too.
function read(pid: string): Seen | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    const [state = '', parent = ''] = fields;
    return { pid: Number(pid), parent: Number(parent), startedAt: fields[19], dead: 'ZX'.includes(state) };
  } catch {
    return undefined;
  }
}
