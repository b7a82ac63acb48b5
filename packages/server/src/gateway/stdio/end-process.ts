import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@modelcontextprotocol/client';
import { familyOf, marked, signal } from './family.ts';

/**
 * Close a child's input, SIGTERM it and what it started after 0.3 s, SIGKILL them after 1 s, and resolve when they are
 * gone. A revoked credential lives in their environment, so the wait for a child that will not end is short.
 *
 * @param mark what the child was marked with
 */
export async function endProcess(client: Client, pid: number | null, mark: string): Promise<void> {
  const below = pid === null ? [] : familyOf(pid);
  let family = [...below, ...marked(mark)];
  const all = (name: NodeJS.Signals): void => {
    family = [...below, ...marked(mark)];
    for (const one of family) signal(one, name);
  };
  const kills = [setTimeout(all, 300, 'SIGTERM'), setTimeout(all, 1000, 'SIGKILL')];
  await client.close();
  for (let tries = 0; tries < 250 && family.some((one) => signal(one, 0)); tries += 1) await sleep(20);
  for (const kill of kills) clearTimeout(kill);
}

/** End everything with the mark that is not the child or below it: what a probe, or a child that fell over, left behind. */
export function endStrays(pid: number | null, mark: string): void {
  const family = new Set(pid === null ? [] : familyOf(pid).map((one) => one.pid));
  for (const one of marked(mark)) if (!family.has(one.pid)) signal(one, 'SIGKILL');
}
