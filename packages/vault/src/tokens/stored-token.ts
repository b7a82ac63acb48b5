import { contextAt } from '../keys/place.ts';
import { refuse } from '../refusal.ts';
import { openFailed } from '../seal/gcm.ts';
import type { TokenKey, TokenOf } from './token-key.ts';
import type { TokenNames } from './token-names.ts';

// What lies under the name of a token:
//
//   'T' · name of its key (43) · sealed record of kind `token`: end in ms (float64) · token in UTF-8
//   'M'                                                         somebody makes the token now
//
// The seal binds deployment, client, provider, record and service. The end is inside: whoever can write the store
// cannot make a token live longer.

const tokenForm = 0x54;
const mintingForm = 0x4d;
const nameLength = 43;
const sealedAt = 1 + nameLength;
const endBytes = 8;
const tokenBytesMax = 64 * 1024;

/** What stands under a name while its token is made. */
export const minting: Uint8Array = Uint8Array.of(mintingForm);

/** Where a token lies. */
export interface TokenPlace extends TokenOf {
  /** Its record's name. */
  readonly record: string;
}

/** The place of a client's token. */
export function placeOf(names: TokenNames, { client, provider }: TokenOf): TokenPlace {
  return { client, provider, record: `tokens.token.${names.blind('token', client, provider)}` };
}

/** Whether these bytes say that the token is being made. */
export function isMinting(bytes: Uint8Array): boolean {
  return bytes[0] === mintingForm;
}

/** A token as it is kept. @throws Refusal `item_invalid` for a token that is empty, over 64 KiB or no well-formed text */
export function sealToken(
  names: TokenNames,
  place: TokenPlace,
  key: TokenKey,
  { token, endsAtMs }: { readonly token: string; readonly endsAtMs: number },
): Buffer {
  const length = Buffer.byteLength(checkedToken(token));
  const plain = Buffer.allocUnsafeSlow(endBytes + length);
  try {
    plain.writeDoubleBE(endsAtMs);
    plain.write(token, endBytes, 'utf8');
    const sealed = key.key.seal('token', contextOf(names, place, key), plain);
    return Buffer.concat([Buffer.from(`T${key.version}`, 'latin1'), sealed]);
  } finally {
    plain.fill(0);
  }
}

/** The name of the key that a token is sealed under. @throws Refusal `open_failed` */
export function keyNameIn(bytes: Uint8Array): string {
  if (bytes[0] !== tokenForm || bytes.length <= sealedAt) throw openFailed('no token stands in the record');
  return Buffer.from(bytes.buffer, bytes.byteOffset + 1, nameLength).toString('latin1');
}

/** The token, and the end that it was sealed with. @throws Refusal `open_failed` */
export function openToken(
  names: TokenNames,
  place: TokenPlace,
  key: TokenKey,
  bytes: Uint8Array,
): { readonly token: string; readonly endsAtMs: number } {
  const plain = key.key.open('token', contextOf(names, place, key), bytes.subarray(sealedAt));
  const token = plain.toString('utf8', endBytes);
  const endsAtMs = plain.readDoubleBE();
  plain.fill(0);
  return { token, endsAtMs };
}

/** @throws Refusal `item_invalid` */
function checkedToken(token: string): string {
  const good = typeof token === 'string' && token !== '' && token.isWellFormed();
  if (!good || Buffer.byteLength(token) > tokenBytesMax)
    throw refuse('item_invalid', 'a token is 1 byte to 64 KiB of well-formed text');
  return token;
}

function contextOf({ deployment }: TokenNames, place: TokenPlace, { scope }: TokenKey) {
  const { client: tenant, provider: subject, record } = place;
  return contextAt(deployment, 'token', {
    tenant,
    subject,
    table: 'tokens',
    record,
    field: scope.service,
    epoch: 0,
  });
}
