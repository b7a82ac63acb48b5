import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@modelcontextprotocol/client';

/**
 * Close a child's input, SIGTERM it after 0.3 s, SIGKILL it after 1 s, and resolve when it is gone. A revoked credential
 * lives in its environment, so the wait for a child that will not end is short.
 */
export async function endProcess(client: Client, pid: number | null): Promise<void> {
  const kills = [setTimeout(signal, 300, pid, 'SIGTERM'), setTimeout(signal, 1000, pid, 'SIGKILL')];
  await client.close();
  for (let tries = 0; tries < 250 && signal(pid, 0); tries += 1) await sleep(20);
  for (const kill of kills) clearTimeout(kill);
}

/** Returns whether there is such a process. */
function signal(pid: number | null, name: NodeJS.Signals | 0): boolean {
  try {
    return pid !== null && process.kill(pid, name);
  } catch {
    return false;
  }
}
