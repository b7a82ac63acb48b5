import { readdir, readFile } from 'node:fs/promises';

/** What a process holds, as Linux tells it. */
export interface Census {
  readonly handles: number;
  /** Processes whose parent it is, zombies included. */
  readonly children: number;
  readonly residentBytes: number;
}

async function parentOf(pid: string): Promise<number | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold anything; the state and then the parent follow its last one.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined;
  }
}

/** Count it now. */
export async function censusOf(pid: number): Promise<Census> {
  const numbers = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const parents = await Promise.all(numbers.map(parentOf));
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const handles = await readdir(`/proc/${pid}/fd`);
  return {
    handles: handles.length,
    children: parents.filter((parent) => parent === pid).length,
    residentBytes: Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024,
  };
}

/** Ask again and again, for up to 15 seconds, until it holds. Gives whether it did. */
export async function eventually(holds: () => boolean | Promise<boolean>): Promise<boolean> {
  for (let tries = 0; tries < 150; tries += 1) {
    if (await holds()) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}
