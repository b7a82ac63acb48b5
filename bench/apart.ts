import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

// Servers in processes of their own, so that each has its own event loop and its own account of CPU time.

const program = fileURLToPath(new URL('serve.ts', import.meta.url));

/** A server in another process. */
export interface Apart {
  readonly url: string;
  readonly pid: number;
  close(): Promise<void>;
}

/** Start `bench/serve.ts` and wait for its address. `kind` is one of its kinds. */
export async function startApart(kind: 'raw' | 'sdk' | 'sessions' | 'proxy', upstream = ''): Promise<Apart> {
  const child = fork(program, [kind, upstream], { execArgv: ['--conditions=@sealgate/source'] });
  const exited = once(child, 'exit');
  const url = await new Promise<string>((resolve, reject) => {
    child.once('message', (message) => resolve(String(message)));
    child.once('exit', (code) => reject(new Error(`the ${kind} server ended with ${code}`)));
  });
  return {
    url,
    pid: child.pid ?? 0,
    async close() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

/** CPU time that a process has used, in microseconds. */
export interface CpuTime {
  readonly mainUs: number;
  /** All threads, the main one included. */
  readonly allUs: number;
}

/** Read it from Linux's scheduler statistics; `undefined` on other systems. */
export async function cpuTimeOf(pid: number): Promise<CpuTime | undefined> {
  try {
    const threads = await readdir(`/proc/${pid}/task`);
    const times = await Promise.all(
      threads.map(async (thread) => {
        const [ranNs] = (await readFile(`/proc/${pid}/task/${thread}/schedstat`, 'utf8')).split(' ');
        return { main: thread === String(pid), us: Number(ranNs) / 1000 };
      }),
    );
    const sum = (some: typeof times): number => some.reduce((total, { us }) => total + us, 0);
    return { mainUs: sum(times.filter(({ main }) => main)), allUs: sum(times) };
  } catch {
    return undefined;
  }
}
