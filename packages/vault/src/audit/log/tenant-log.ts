import { policyPath } from '../../audit-verify/layout.ts';
import type { PublishedLog } from './log-source.ts';
import { scopePart } from './names.ts';
import type { Segments } from './segments.ts';

// What there is of one tenant in the published log. The log over all logs names every tenant, so it is not in it.

/** The published log, for somebody who may see this tenant's part alone: whatever else is asked for is not there. */
export function tenantLog(log: PublishedLog, tenant: string): PublishedLog {
  const own = `logs/${scopePart(tenant)}/`;
  return {
    read: async (path) => (path === policyPath || path.startsWith(own) ? log.read(path) : undefined),
  };
}

/** The last checkpoint of a tenant's newest log: a signed note. `undefined`: none was published yet. */
export async function newestNote(segments: Segments, tenant: string): Promise<string | undefined> {
  for (const name of (await segments.periods()).toReversed()) {
    const logs = await (await segments.period(name)).logs([tenant]);
    const note = logs.findLast((log) => log.note !== undefined)?.note;
    if (note !== undefined) return note;
  }
  return undefined;
}
