import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

/** A program that was started and answers. */
export interface Child {
  readonly pid: number | undefined;
  /** SIGTERM, after five seconds SIGKILL, and wait. */
  stop(): Promise<void>;
  /** SIGKILL, and wait. */
  kill(): Promise<void>;
}

const readyMsMax = 60_000;

/**
 * Start a program and wait until `answers` holds.
 *
 * @throws Error with what it said, when it ends before that or takes a minute
 */
export async function startChild(
  command: string,
  args: readonly string[],
  { cwd, answers }: { readonly cwd: string; readonly answers: () => Promise<boolean> },
): Promise<Child> {
  const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (said = `${said}${chunk.toString()}`.slice(-4000)));
  const exited = once(child, 'exit');
  const stop = async (): Promise<void> => {
    child.kill('SIGTERM');
    const killed = setTimeout(() => child.kill('SIGKILL'), 5000);
    await exited;
    clearTimeout(killed);
  };
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
  };
  for (let waitedMs = 0; waitedMs < readyMsMax; waitedMs += 50) {
    if (child.exitCode !== null) throw new Error(`${command} ended with ${child.exitCode}: ${said}`);
    if (await answers()) return { pid: child.pid, stop, kill };
    await sleep(50);
  }
  await stop();
  throw new Error(`${command} does not answer: ${said}`);
}
