import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@modelcontextprotocol/client';
import { familyOf, signal } from './family.ts';

/**
 * Close a child's input, SIGTERM it and what it started after 0.3 s, SIGKILL them after 1 s, and resolve when they are
 * gone. A revoked credential lives in their environment, so the wait for a child that will not end is short.
 */
export async function endProcess(client: Client, pid: number | null): Promise<void> {
  const family = pid === null ? [] : familyOf(pid);
  const all = (name: NodeJS.Signals): void => {
    for (const one of family) signal(one, name);
  };
  const kills = [setTimeout(all, 300, 'SIGTERM'), setTimeout(all, 1000, 'SIGKILL')];
  await client.close();
  for (let tries = 0; tries < 250 && family.some((one) => signal(one, 0)); tries += 1) await sleep(20);
  for (const kill of kills) clearTimeout(kill);
}
