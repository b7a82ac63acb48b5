import { hold, keyCache, once, type TenantLife } from '../keys/key-cache.ts';
import { refuse } from '../refusal.ts';
import { findKey, findOrMintKey, type FindingParts } from './find-key.ts';
import { keepUntil, nameNow, type KeyScope, type TokenKey, type TokenOf } from './token-key.ts';

// Token keys in memory. All keys of a client live and end together, 300 s (±10 %) after the first of them was asked for.

const sweepEveryMs = 30_000;
const attemptsMax = 3;

/** Token keys by client. `use` is given a live key, in the turn in which that is seen. */
export interface HeldKeys {
  /** With the key of this name. @throws Refusal `key_unavailable`, `open_failed` when it is of another client or provider */
  named<V>(name: string, whose: TokenOf, use: (key: TokenKey) => V): Promise<V>;
  /** With the key that seals for this scope now, and is kept until `untilMs`. @throws Refusal `key_unavailable` */
  sealing<V>(scope: KeyScope, untilMs: number, use: (key: TokenKey) => V): Promise<V>;
  /** Wipe the keys of a client; `undefined`: of all. @param tag the client's blinded name */
  drop(tag: string | undefined): void;
  /** Wipe all of them for good. */
  close(): void;
}

/** @param clientsMax clients whose keys are kept at once; 10,000 when not given */
export function heldKeys(parts: FindingParts, clientsMax?: number): HeldKeys {
  const { names, now } = parts;
  const cache = keyCache({ now, tenantsMax: clientsMax });
  const sweeper = setInterval(() => cache.sweep(), sweepEveryMs).unref();
  let closed = false;
  const tagOf = (client: string): string => names().blind('client', client);
  const held = (life: TenantLife, name: string): TokenKey | undefined => {
    const key = keyIn(life, name);
    return key?.live === true && now() < key.endsAtMs ? key : undefined;
  };
  const found = async (
    client: string,
    name: string,
    find: (endsAtMs: number) => Promise<TokenKey>,
  ): Promise<TokenKey> => {
    if (closed) throw refuse('key_unavailable', 'the token manager is disconnected');
    const tag = tagOf(client);
    // A key that another instance has opened may end before the life it is in.
    if (now() >= (keyIn(cache.find(tag), name)?.endsAtMs ?? Infinity)) cache.end(tag);
    const life = cache.begin(tag);
    const load = async () => hold(life, life.dataKeys, name, await find(life.endsAtMs));
    return held(life, name) ?? ((await once(life, name, load)) as TokenKey);
  };
  const active = async (scope: KeyScope, untilMs: number): Promise<TokenKey> => {
    const at = nameNow(names(), scope, now());
    const key = await found(scope.client, at.name, (endsAtMs) =>
      findOrMintKey(parts, { scope, at, untilMs }, endsAtMs),
    );
    await keepUntil(parts, key, untilMs);
    return key;
  };
  return {
    async named(name, whose, use) {
      const life = cache.find(tagOf(whose.client));
      const known = life && held(life, name);
      if (known !== undefined) return use(known);
      return using(() => found(whose.client, name, (endsAtMs) => findKey(parts, name, whose, endsAtMs)), use);
    },
    sealing: (scope, untilMs, use) => using(() => active(scope, untilMs), use),
    drop: (tag) => (tag === undefined ? cache.clear() : cache.end(tag)),
    close() {
      closed = true;
      clearInterval(sweeper);
      cache.clear();
    },
  };
}

// Nothing else is put into these lives.
function keyIn(life: TenantLife | undefined, name: string): TokenKey | undefined {
  return life?.dataKeys.get(name) as TokenKey | undefined;
}

async function using<V>(find: () => Promise<TokenKey>, use: (key: TokenKey) => V): Promise<V> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const key = await find();
    if (key.live) return use(key);
  }
  throw refuse('key_unavailable', 'the keys of this client were dropped while they were in use; try again');
}
