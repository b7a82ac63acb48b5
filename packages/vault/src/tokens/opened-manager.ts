import type { Audit } from '../audit/audit.ts';
import type { AuditClass } from '../audit/entry.ts';
import { askedProvider } from '../keys/asked-provider.ts';
import type { KeyProvider } from '../keys/provider.ts';
import type { Bus } from '../store/bus.ts';
import type { Records } from '../store/records.ts';
import { deletedTokens } from './deleted-tokens.ts';
import { entriesOf, type Entries } from './entries.ts';
import { heldKeys } from './held-keys.ts';
import { hearing } from './hearing.ts';
import { mintOnce, type MintOnce } from './mint-once.ts';
import { openRevocations, type Revocations } from './revocations.ts';
import { sharedKeys } from './shared-keys.ts';
import { placeOf } from './stored-token.ts';
import { openNames, type NamesInUse } from './token-names.ts';
import type { TokenOf } from './token-key.ts';
import { tokenStore, type TokenStore } from './token-store.ts';

/** How a token manager works; each has a default. */
export interface TokenRules {
  /** How sure an entry must be before the call goes on; `async` (queued) when not given. */
  readonly auditClass?: AuditClass | undefined;
  /** Clients whose keys are kept in memory at once; 10,000 when not given. */
  readonly clientsMax?: number | undefined;
  /** How long a process that died while it made a token is waited for; 10 when not given. */
  readonly claimSeconds?: number | undefined;
  /** Longest time for making a token, and for waiting until another process has made it; 60 when not given. */
  readonly mintSecondsMax?: number | undefined;
  /** Time between two looks for revocations, for instances that the bus does not reach; 1,000 when not given. */
  readonly pollMs?: number | undefined;
  /** Let instances of one service take opened keys from each other; see `docs/tokens.md`. `false` when not given. */
  readonly sharedKeys?: boolean | undefined;
  /** Milliseconds since 1970; the system's clock when not given. */
  readonly now?: (() => number) | undefined;
}

/** What a token manager stands on; whoever opened it closes it, afterwards. */
export interface TokenGround {
  readonly records: Records;
  /** `undefined`: other instances are heard by looking. */
  readonly bus: Bus | undefined;
  readonly provider: KeyProvider;
  readonly audit: Audit;
  /** Who stores and reads. */
  readonly service: string;
}

/** A token manager at work. */
export interface OpenedManager {
  readonly entries: Entries;
  readonly store: TokenStore;
  readonly mintOnce: MintOnce;
  readonly names: NamesInUse;
  readonly revocations: Revocations;
  close(): void;
}

/**
 * Open one on this ground.
 *
 * @throws Refusal `key_unavailable`, `store_unavailable`
 */
export async function openManager(ground: TokenGround, rules: TokenRules): Promise<OpenedManager> {
  const { now = Date.now, claimSeconds = 10, mintSecondsMax = 60 } = rules;
  const { records, bus, audit, service } = ground;
  // One asker for all: at most so many questions at once, and none again right after it has failed.
  const provider = askedProvider(ground.provider, now);
  const inUse = await openNames({ records, provider, now });
  const names = () => inUse.current;
  const parts = { records, provider, names, now };
  const shared = rules.sharedKeys === true ? sharedKeys(parts, service) : undefined;
  const keys = heldKeys({ ...parts, opened: shared }, rules.clientsMax);
  const deleted = deletedTokens();
  const store = tokenStore({ records, keys, deleted, names, now, service });
  const entries = entriesOf({ audit, service, cls: rules.auditClass ?? 'async' });
  const listening = hearing();
  const recordOf = (of: TokenOf): string => placeOf(names(), of).record;
  const revocations = await openRevocations({
    records,
    bus,
    names: inUse,
    now,
    pollMs: rules.pollMs ?? 1000,
    drop(tag) {
      shared?.distrust(tag);
      keys.drop(tag);
    },
    made: listening.tell,
    deleted: deleted.add,
  });
  const once = mintOnce({
    store,
    entries,
    claimMs: claimSeconds * 1000,
    mintMsMax: mintSecondsMax * 1000,
    made(of) {
      listening.tell(recordOf(of));
      revocations.tell({ made: recordOf(of) });
    },
    heard: (of, waitMs) => listening.wait(recordOf(of), waitMs),
  });
  const close = (): void => {
    for (const part of [revocations, keys, shared]) part?.close();
    listening.tell(undefined);
  };
  return { entries, store, mintOnce: once, names: inUse, revocations, close };
}
