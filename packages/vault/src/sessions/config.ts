import type { Sealer } from '../keys/sealer.ts';
import type { SessionRules } from './sessions.ts';

/** What every session store takes. */
export interface SessionStoreConfig {
  /** Seals each session under a data key of its own (`openSealer`). Whoever opened it closes it, after the store. */
  readonly sealer: Sealer | Promise<Sealer>;
  /** Life of a session whose cookie has no end; 86,400 when not given. */
  readonly ttlSeconds?: number | undefined;
  /**
   * An end that moves by less is not written; 60 when not given. Sessions that live for less than ten times as long are
   * written more often: whenever a tenth of their life has passed.
   */
  readonly extendEverySeconds?: number | undefined;
  /**
   * How long the id of a destroyed session cannot be used again; 86,400 when not given. Longer than any request takes:
   * until then no slow save brings the session back, whatever it has read.
   */
  readonly tombstoneSeconds?: number | undefined;
  /** `true`: a save over what another request saved since is refused with `session_changed`. Otherwise the last one wins. */
  readonly strict?: boolean | undefined;
  /** Longest wait for the store; 5,000 when not given. Then the callback gets `store_unavailable`. */
  readonly timeoutMs?: number | undefined;
  /** Whose session it is, for `destroyAllForUser`; its member `userId` when not given. `undefined`: nobody's. */
  readonly userOf?: ((session: object) => string | undefined) | undefined;
  /** Told what was left out: sessions that do not open, saves of sessions that are gone. Never with an id or a value. */
  readonly warn?: ((message: string, detail: string) => void) | undefined;
  /** Milliseconds since 1970; the system's clock when not given. */
  readonly now?: (() => number) | undefined;
}

/** The rules that a configuration stands for. */
export function rulesOf(config: Omit<SessionStoreConfig, 'sealer'>): SessionRules {
  const { ttlSeconds = 86_400, extendEverySeconds = 60, tombstoneSeconds = 86_400 } = config;
  return {
    now: config.now ?? Date.now,
    ttlMs: ttlSeconds * 1000,
    extendEveryMs: extendEverySeconds * 1000,
    barMs: tombstoneSeconds * 1000,
    strict: config.strict ?? false,
    userOf: config.userOf ?? userIdOf,
    warn: config.warn ?? (() => undefined),
  };
}

function userIdOf(session: object): string | undefined {
  const { userId } = session as { readonly userId?: unknown };
  return typeof userId === 'string' && userId !== '' ? userId : undefined;
}
