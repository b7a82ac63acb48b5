import { setTimeout as sleep } from 'node:timers/promises';
import { refuse } from '../refusal.ts';
import type { Revision } from '../store/tables.ts';
import type { Entries } from './entries.ts';
import { readToken } from './read-token.ts';
import type { TokenOf } from './token-key.ts';
import { mintingAct, type NewToken, type TokenStore } from './token-store.ts';

// A token that is not there is made once, over all instances. Who makes it puts a claim under the token's own name, renews
// it while the making lasts, and puts the token in its place; each of these writes is guarded by the revision of the one
// before. So whoever has lost the claim (it ran out while the process was frozen, the token was deleted, another one was
// stored) changes nothing. A process that dies leaves a claim that runs out, and then one other makes the token.

/** A token that was made: its text, or with a life of its own. */
export type Minted = string | { readonly token: string; readonly ttlSeconds: number };

/** Makes a token. `signal` is aborted when the claim is lost or the time is over. */
export type Mint = (signal: AbortSignal) => Promise<Minted> | Minted;

/** What is needed. */
export interface MintParts {
  readonly store: TokenStore;
  readonly entries: Entries;
  /** How long a claim holds without being renewed: a process that died is waited for so long. */
  readonly claimMs: number;
  /** Longest time for the making, and for waiting for somebody else's. */
  readonly mintMsMax: number;
  /** Told when a token was made here. */
  readonly made: (of: TokenOf) => void;
  /** Resolves when something is heard of the token, or after so many milliseconds. */
  readonly heard: (of: TokenOf, waitMs: number) => Promise<void>;
}

/** How the token is kept. */
export type MintedKept = Pick<NewToken, 'ttlSeconds' | 'kmsKeyId'>;

/** Find the token or have it made. */
export type MintOnce = (of: TokenOf, mint: Mint, kept: MintedKept) => Promise<string>;

const lookMsMax = 250;

/** One for each instance: callers that come while the token is made here wait for the same making. */
export function mintOnce(parts: MintParts): MintOnce {
  const underWay = new Map<string, Promise<string>>();
  const read = (of: TokenOf) => readToken(parts, of);
  return async (of, mint, kept) => {
    const found = await read(of);
    if (found.state === 'there') return found.token;
    const name = JSON.stringify([of.client, of.provider]);
    const running = underWay.get(name);
    if (running !== undefined) return running;
    const started = create(parts, of, () => read(of), { mint, kept }).finally(() => underWay.delete(name));
    underWay.set(name, started);
    return started;
  };
}

interface Making {
  readonly mint: Mint;
  readonly kept: MintedKept;
}

async function create(
  parts: MintParts,
  of: TokenOf,
  read: () => ReturnType<TokenStore['read']>,
  making: Making,
): Promise<string> {
  const { store, claimMs, mintMsMax, heard } = parts;
  const beganMs = performance.now();
  for (let waitMs = 10; performance.now() - beganMs < mintMsMax + claimMs;) {
    const claim = await store.claim(of, claimMs);
    if (claim !== undefined) {
      const token = await madeUnder(parts, of, claim, making);
      if (token !== undefined) return token;
    }
    // Somebody else has the claim, or had it, or there is a token by now.
    const found = await read();
    if (found.state === 'there') return found.token;
    await heard(of, waitMs);
    waitMs = Math.min(waitMs * 2, lookMsMax);
  }
  throw refuse('token_pending', 'the token is being made elsewhere and was not ready in time; try again');
}

/** `undefined`: the claim was lost, and so is what was made. */
async function madeUnder(
  parts: MintParts,
  of: TokenOf,
  claim: Revision,
  { mint, kept }: Making,
): Promise<string | undefined> {
  const { store, entries } = parts;
  const held = renewed(parts, of, claim);
  try {
    return await entries.done(
      mintingAct,
      of,
      async (receipt) => {
        const minted = await withinTime(mint, held.lost, parts.mintMsMax);
        const made = typeof minted === 'string' ? { token: minted } : minted;
        const revision = await held.stop();
        if (revision === undefined) return undefined;
        if (!(await store.commit(receipt, of, { ...kept, ...made }, revision))) return undefined;
        parts.made(of);
        return made.token;
      },
      (token) => (token === undefined ? { out: 'aborted', code: 'claim_lost' } : { out: 'success' }),
    );
  } catch (error) {
    const revision = await held.stop();
    // The next caller makes it, here or elsewhere, and need not wait until the claim runs out.
    if (revision !== undefined) await store.renew(of, revision, 0).catch(() => undefined);
    parts.made(of);
    throw error;
  }
}

/** Keep a claim until `stop`, which gives its last revision; `undefined` when it was lost. */
function renewed({ store, claimMs }: MintParts, of: TokenOf, claim: Revision) {
  const lost = new AbortController();
  const stopped = new AbortController();
  const ignored = (): void => undefined;
  const keep = async (): Promise<Revision | undefined> => {
    let revision: Revision | undefined = claim;
    while (revision !== undefined && !stopped.signal.aborted) {
      await sleep(claimMs / 3, undefined, { signal: stopped.signal, ref: false }).catch(ignored);
      if (stopped.signal.aborted) break;
      const before: Revision = revision;
      // A store that does not answer may answer the next time: whether the claim holds shows when the token is put.
      revision = await store.renew(of, before, claimMs).catch(() => before);
    }
    if (revision === undefined) lost.abort(new Error('the claim on the token was lost'));
    return revision;
  };
  const kept = keep();
  return {
    lost: lost.signal,
    stop(): Promise<Revision | undefined> {
      stopped.abort();
      return kept;
    },
  };
}

async function withinTime(mint: Mint, lost: AbortSignal, msMax: number): Promise<Minted> {
  const late = new AbortController();
  const signal = AbortSignal.any([lost, late.signal]);
  const timer = setTimeout(() => {
    late.abort(
      refuse('token_pending', 'the token could not be made in time; try again', `after ${msMax} ms`),
    );
  }, msMax);
  const over = new Promise<never>((_, reject) => {
    late.signal.addEventListener('abort', () => reject(late.signal.reason as Error), { once: true });
  });
  try {
    return await Promise.race([mint(signal), over]);
  } finally {
    clearTimeout(timer);
  }
}
