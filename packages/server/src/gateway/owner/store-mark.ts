import { randomUUID } from 'node:crypto';
import type { Records } from '@sealgate/vault';

// Whether the records are those of a moment ago. A Redis that comes back empty has forgotten what lived and what was ended
// alike; it has forgotten this mark as well. A record that is gone while the mark still stands was ended.

/** The mark of what the records hold. */
export interface StoreMark {
  /** As it was when somebody here last looked. */
  seen(): string;
  /** Look; makes one where there is none. @throws what `Records` throws */
  look(): Promise<string>;
  /** Whether another mark was found in the last seconds: what lives may not be written anew yet. */
  isNew(): boolean;
}

/** How long instances may take to write anew what they hold: a renewal of every lease, and some. */
const newMs = 10_000;
const livesMs = 365 * 86_400_000;
const name = 'store/mark';

/** Open it, and look. @throws what `Records` throws */
export async function openStoreMark(records: Records, now: () => number): Promise<StoreMark> {
  const look = async (): Promise<string> => {
    for (;;) {
      const found = await records.get(name);
      if (found !== undefined) return Buffer.from(found.bytes).toString('utf8');
      const fresh = randomUUID();
      const how = { endsAtMs: now() + livesMs, guard: { ifAbsent: true } } as const;
      if ((await records.put(name, Buffer.from(fresh), how)) !== undefined) return fresh;
    }
  };
  let seen = await look();
  await records.extend(name, now() + livesMs);
  let newUntilMs = 0;
  return {
    seen: () => seen,
    async look() {
      const mark = await look();
      if (mark !== seen) newUntilMs = now() + newMs;
      return (seen = mark);
    },
    isNew: () => now() < newUntilMs,
  };
}
