import { setTimeout as sleep } from 'node:timers/promises';
import type { Audit } from '@sealgate/vault';

// Entries are sealed as fast as the machine can, and may come faster. What waits lies in the journal, so no memory grows; but a
// journal that grows for ever fills the disk, and strangers see less and less of what has happened. Then attempts wait: before
// they get their time, which never goes back along the journal.

const lookMs = 50;
/** However far behind sealing is, an attempt waits no longer. */
const waitMs = 1000;

/** An audit whose attempts wait while sealing is far behind. Nothing else does, and no outcome. */
export function pacedAudit(audit: Audit, isBehind: () => boolean): Audit {
  const wait = async (): Promise<void> => {
    const untilMs = performance.now() + waitMs;
    while (isBehind() && performance.now() < untilMs) await sleep(lookMs);
  };
  return {
    ...audit,
    async record(cls, ...attempt) {
      if (cls !== 'async' && isBehind()) await wait();
      return audit.record(cls, ...attempt);
    },
  };
}
