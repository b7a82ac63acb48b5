import { Refusal } from '../../refusal.ts';
import { mintKeyBytes } from '../../seal/key-bytes.ts';
import type { Place, Sealer } from '../../keys/sealer.ts';
import { logKeys, type LogKeys } from '../leaf/log-keys.ts';
import type { LogSecrets } from './segments.ts';

// A tenant's secret is minted when its first entry is sealed, and lies sealed under that tenant's own key: destroying the
// tenant's keys destroys it. The row goes when that is noticed. Opened ones are kept for as long as tenant keys are.

const keptMs = 300_000;
const keptMax = 2000;

/** The keys of tenants' logs. */
export interface LogKeyring {
  /**
   * Minted when there are none.
   *
   * @returns `undefined` when the tenant's keys were destroyed
   * @throws Refusal `key_disabled`, `key_unavailable`, `open_failed`, `store_unavailable`
   */
  of(scope: string): Promise<LogKeys | undefined>;
  /** Those that lie in memory, and are not too old to be used. */
  peek(scope: string): LogKeys | undefined;
  /** As {@link of}, but nothing is minted: `undefined` when there are none, too. */
  find(scope: string): Promise<LogKeys | undefined>;
  /** Drop what is kept in memory, and the row too once the tenant's keys were destroyed. */
  forget(scope: string, destroyed?: 'destroyed'): Promise<void>;
}

/** Keys over these secrets. */
export function logKeyring(
  sealer: Pick<Sealer, 'seal' | 'open'>,
  secrets: LogSecrets,
  now: () => number,
): LogKeyring {
  const kept = new Map<string, { readonly keys: LogKeys; readonly untilMs: number }>();
  const forget: LogKeyring['forget'] = async (scope, destroyed) => {
    kept.delete(scope);
    if (destroyed !== undefined) await secrets.remove(scope);
  };
  const peek: LogKeyring['peek'] = (scope) => {
    const known = kept.get(scope);
    return known !== undefined && now() < known.untilMs ? known.keys : undefined;
  };
  const opened = async (
    scope: string,
    without: () => Promise<Uint8Array | undefined>,
  ): Promise<LogKeys | undefined> => {
    const known = peek(scope);
    if (known !== undefined) return known;
    try {
      const sealed = (await secrets.get(scope)) ?? (await without());
      if (sealed === undefined) return undefined;
      const keys = logKeys(await sealer.open('audit_key', placeOf(scope), sealed));
      if (kept.size >= keptMax) kept.clear();
      kept.set(scope, { keys, untilMs: now() + keptMs });
      return keys;
    } catch (error) {
      if (!(error instanceof Refusal && error.code === 'key_shredded')) throw error;
      await forget(scope, 'destroyed');
      return undefined;
    }
  };
  return {
    forget,
    peek,
    of: (scope) => opened(scope, () => mint(sealer, secrets, scope)),
    find: (scope) => opened(scope, async () => undefined),
  };
}

async function mint(sealer: Pick<Sealer, 'seal'>, secrets: LogSecrets, scope: string): Promise<Uint8Array> {
  const bytes = mintKeyBytes();
  try {
    const sealed = await sealer.seal('audit_key', placeOf(scope), bytes);
    await secrets.add(scope, sealed);
    // Of two that minted one, both take what was kept.
    return (await secrets.get(scope)) ?? sealed;
  } finally {
    bytes.fill(0);
  }
}

function placeOf(scope: string): Place {
  return { tenant: scope, subject: '', table: 'audit', record: 'secret', field: 'key', epoch: 0 };
}
