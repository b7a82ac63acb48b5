import type { Entries } from './entries.ts';
import type { TokenOf } from './token-key.ts';
import { getting, type TokenStore } from './token-store.ts';

/** Look for a token: one entry, whether it is there or not. @throws Refusal `open_failed`, `key_unavailable`, `store_unavailable` */
export function readToken(
  { entries, store }: { readonly entries: Entries; readonly store: TokenStore },
  of: TokenOf,
): ReturnType<TokenStore['read']> {
  return entries.done(
    getting,
    of,
    (receipt) => store.read(receipt, of),
    ({ state }) => (state === 'there' ? { out: 'success' } : { out: 'failure', code: 'token_absent' }),
  );
}
