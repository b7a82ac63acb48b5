import { refuse } from '../refusal.ts';
import { checkedKeyId, checkedOf } from './checked.ts';
import { openGround, type GroundOptions, type OpenedGround } from './ground.ts';
import type { Mint } from './mint-once.ts';
import { openManager, type OpenedManager, type TokenRules } from './opened-manager.ts';
import { readToken } from './read-token.ts';
import { deleting, storing } from './token-store.ts';

const ttlSecondsDefault = 900;

/** What {@link SecureTokenManager} may be told; what is left out comes from the environment. */
export interface SecureTokenManagerOptions extends TokenRules, GroundOptions {}

/** How a token is kept. */
export interface StoreTokenOptions {
  /** Seconds until the token is absent; 900 when not given. */
  readonly ttlSeconds?: number | undefined;
}

/** How a token that is made is kept. */
export interface GetOrCreateOptions extends StoreTokenOptions {
  /** The key of the key service to wrap with; the configured one when not given. */
  readonly kmsKeyId?: string | undefined;
}

/**
 * Tokens of clients for the APIs of others, sealed in Redis, shared by all instances, gone when they end. It returns tokens
 * in clear, each call in the audit journal. Without arguments it reads `REDIS_URL`, `REDIS_AUTH_TOKEN`, `AWS_REGION` and
 * `KMS_KEY_ID` (`docs/tokens.md` has them all).
 *
 * Every method throws Refusal: `store_unavailable`, `key_unavailable`, `audit_unavailable` (nothing was done),
 * `item_invalid` for a client id, provider, token or time outside the rules. A client id and a provider have 1 to 256
 * bytes, a token up to 64 KiB.
 */
export class SecureTokenManager {
  readonly #options: SecureTokenManagerOptions;
  #opening: Promise<Opened> | undefined;
  #opened: Opened | undefined;

  /** Reads and checks nothing yet. */
  constructor(options: SecureTokenManagerOptions = {}) {
    this.#options = options;
  }

  /**
   * Open Redis, the key service and the journal. Does nothing when it is connected.
   *
   * @throws Refusal also `store_insecure`, `data_directory_unsafe`, `journal_broken`
   */
  async connect(): Promise<void> {
    this.#opening ??= open(this.#options);
    const opening = this.#opening;
    try {
      const opened = await opening;
      // Unless it was disconnected meanwhile.
      if (this.#opening === opening) this.#opened = opened;
    } catch (error) {
      if (this.#opening === opening) this.#opening = undefined;
      throw error;
    }
  }

  /**
   * Keep a token; one that is there is replaced.
   *
   * @param kmsKeyId the key of the key service to wrap with, such as the client's own; the configured one when not given
   */
  async storeToken(
    clientId: string,
    provider: string,
    token: string,
    ...[kmsKeyId, { ttlSeconds = ttlSecondsDefault } = {}]: [kmsKeyId?: string, options?: StoreTokenOptions]
  ): Promise<void> {
    const { entries, store } = this.#manager();
    const of = checkedOf(clientId, provider);
    const kept = { token, ttlSeconds, kmsKeyId: checkedKeyId(kmsKeyId) };
    await entries.done(storing, of, (receipt) => store.write(receipt, of, kept));
  }

  /**
   * The token; `null` when there is none, or its time is over.
   *
   * @throws Refusal also `open_failed` for one that was changed or moved: never taken for absent
   */
  async getToken(clientId: string, provider: string): Promise<string | null> {
    const found = await readToken(this.#manager(), checkedOf(clientId, provider));
    return found.state === 'there' ? found.token : null;
  }

  /** Remove the token. A token that is being made at this moment is not kept either. @returns whether there was one */
  async deleteToken(clientId: string, provider: string): Promise<boolean> {
    const { entries, store, revocations } = this.#manager();
    const of = checkedOf(clientId, provider);
    const mark = await entries.done(deleting, of, (receipt) => store.remove(receipt, of));
    if (mark !== undefined) revocations.tell({ deleted: mark });
    return mark !== undefined;
  }

  /**
   * The token, or the one that `mint` makes: of all callers on all instances one makes it, and the others wait. When
   * `mint` throws, so does this call, and those of this process that waited for it; the next one makes the token.
   *
   * @throws Refusal also `token_pending` when it is not ready in time; whatever `mint` throws
   */
  async getOrCreate(
    clientId: string,
    provider: string,
    mint: Mint,
    { ttlSeconds = ttlSecondsDefault, kmsKeyId }: GetOrCreateOptions = {},
  ): Promise<string> {
    const of = checkedOf(clientId, provider);
    return this.#manager().mintOnce(of, mint, { ttlSeconds, kmsKeyId: checkedKeyId(kmsKeyId) });
  }

  /**
   * Drop the client's keys from the memory of every instance: within moments where the bus reaches, within a second
   * elsewhere. What the key service then refuses to open is inaccessible. Tokens stay as they are.
   */
  async revoke(clientId: string): Promise<void> {
    const { entries, names, revocations } = this.#manager();
    const of = checkedOf(clientId, '*');
    await entries.done('token.revoke', of, () =>
      revocations.revoke(names.current.blind('client', of.client)),
    );
  }

  /** Wipe the keys, write what waits for the journal, and close what was opened. */
  async disconnect(): Promise<void> {
    const opening = this.#opening;
    this.#opening = this.#opened = undefined;
    const opened = await opening?.catch(() => undefined);
    opened?.manager.close();
    await opened?.ground.close();
  }

  #manager(): OpenedManager {
    if (this.#opened === undefined)
      throw refuse('store_unavailable', 'the token manager is not connected: call connect() first');
    return this.#opened.manager;
  }
}

interface Opened {
  readonly ground: OpenedGround;
  readonly manager: OpenedManager;
}

async function open(options: SecureTokenManagerOptions): Promise<Opened> {
  const ground = await openGround(options);
  try {
    return { ground, manager: await openManager(ground, options) };
  } catch (error) {
    await ground.close();
    throw error;
  }
}
