import { redeem, type Receipt } from '../receipt.ts';
import { refuse } from '../refusal.ts';
import { openFailed } from '../seal/gcm.ts';
import type { Records, RecordWrite } from '../store/records.ts';
import type { Revision } from '../store/tables.ts';
import { markOf, type DeletedTokens } from './deleted-tokens.ts';
import type { HeldKeys } from './held-keys.ts';
import { isMinting, keyNameIn, minting, openToken, placeOf, sealToken } from './stored-token.ts';
import type { TokenOf } from './token-key.ts';
import type { TokenNames } from './token-names.ts';

// Tokens over records. What opens, stores or removes one takes a receipt: nothing happens that is not in the journal.

/** What tokens are kept with. */
export interface TokenStoreParts {
  readonly records: Records;
  readonly keys: HeldKeys;
  readonly deleted: DeletedTokens;
  readonly names: () => TokenNames;
  readonly now: () => number;
  /** Owner of the tokens that are stored here. */
  readonly service: string;
}

/** A token to be stored. */
export interface NewToken {
  readonly token: string;
  readonly ttlSeconds: number;
  /** `''`: the key that the key service uses by itself. */
  readonly kmsKeyId: string;
}

/** What stands under a name. */
export type Found =
  { readonly state: 'absent' | 'minting' } | { readonly state: 'there'; readonly token: string };

/** Tokens of all clients. */
export interface TokenStore {
  read(receipt: Receipt, of: TokenOf): Promise<Found>;
  /** Whatever stood there is replaced. */
  write(receipt: Receipt, of: TokenOf, token: NewToken): Promise<void>;
  /** @returns what the removed token is known by (`markOf`); `undefined` when there was none */
  remove(receipt: Receipt, of: TokenOf): Promise<string | undefined>;
  /** Take it upon oneself to make the token. `undefined`: there is one, or somebody else makes it. */
  claim(of: TokenOf, lifeMs: number): Promise<Revision | undefined>;
  /** Go on for `lifeMs` from now, or give up with 0. `undefined`: the claim was lost. */
  renew(of: TokenOf, claim: Revision, lifeMs: number): Promise<Revision | undefined>;
  /** Put the token in the place of the claim. `false`: the claim was lost, and nothing was changed. */
  commit(receipt: Receipt, of: TokenOf, token: NewToken, claim: Revision): Promise<boolean>;
}

/** The act that opens a token. */
export const getting = 'token.get';
/** The act that stores one. */
export const storing = 'token.store';
/** The act that removes one. */
export const deleting = 'token.delete';
/** The act that has one made. */
export const mintingAct = 'token.mint';

/** What an entry says it was done to. */
export function objectOf({ client, provider }: TokenOf): string {
  return `token:${encodeURIComponent(client)}/${encodeURIComponent(provider)}`;
}

/** Tokens over these records. */
export function tokenStore(parts: TokenStoreParts): TokenStore {
  const { records, keys, deleted, names, now, service } = parts;
  const sealed = async (of: TokenOf, { token, ttlSeconds, kmsKeyId }: NewToken) => {
    const endsAtMs = now() + checkedTtl(ttlSeconds) * 1000;
    const place = placeOf(names(), of);
    const bytes = await keys.sealing({ ...of, service, kmsKeyId }, endsAtMs, (key) =>
      sealToken(names(), place, key, { token, endsAtMs }),
    );
    return { record: place.record, bytes, endsAtMs };
  };
  const claimed = async (of: TokenOf, lifeMs: number, guard: NonNullable<RecordWrite['guard']>) =>
    records.put(placeOf(names(), of).record, minting, { endsAtMs: now() + lifeMs, guard });
  return {
    async read(receipt, of) {
      redeem(receipt, getting, objectOf(of));
      const place = placeOf(names(), of);
      const stored = await records.get(place.record);
      if (stored === undefined) return { state: 'absent' };
      const { bytes } = stored;
      if (isMinting(bytes)) return { state: 'minting' };
      if (deleted.has(bytes)) throw openFailed('a token that was deleted was put back into the store');
      const opened = await keys.named(keyNameIn(bytes), of, (key) => openToken(names(), place, key, bytes));
      return opened.endsAtMs > now() ? { state: 'there', token: opened.token } : { state: 'absent' };
    },
    async write(receipt, of, token) {
      redeem(receipt, storing, objectOf(of));
      const { record, bytes, endsAtMs } = await sealed(of, token);
      await records.put(record, bytes, { endsAtMs });
    },
    async remove(receipt, of) {
      redeem(receipt, deleting, objectOf(of));
      const taken = await records.take(placeOf(names(), of).record);
      if (taken === undefined || isMinting(taken.bytes)) return undefined;
      const mark = markOf(taken.bytes);
      deleted.add(mark);
      return mark;
    },
    claim: (of, lifeMs) => claimed(of, lifeMs, { ifAbsent: true }),
    renew: (of, claim, lifeMs) => claimed(of, lifeMs, { ifRevision: claim }),
    async commit(receipt, of, token, claim) {
      redeem(receipt, mintingAct, objectOf(of));
      const { record, bytes, endsAtMs } = await sealed(of, token);
      return (await records.put(record, bytes, { endsAtMs, guard: { ifRevision: claim } })) !== undefined;
    },
  };
}

function checkedTtl(ttlSeconds: number): number {
  const dayS = 24 * 60 * 60;
  if (!Number.isInteger(ttlSeconds) || ttlSeconds < 1 || ttlSeconds > 400 * dayS)
    throw refuse('item_invalid', 'a token lives for a whole number of seconds, from 1 to 400 days');
  return ttlSeconds;
}
