import { systemTenant } from '../keys/system-tenant.ts';
import { refuse } from '../refusal.ts';
import type { TokenOf } from './token-key.ts';

/** @throws Refusal `item_invalid` for a name that is not 1 to 256 bytes of well-formed text, or a client of ours */
export function checkedOf(clientId: string, provider: string): TokenOf {
  const client = checkedText('a client id', clientId);
  if (client === systemTenant) throw refuse('item_invalid', `the client id ${systemTenant} is taken`);
  return { client, provider: checkedText('the name of a provider', provider) };
}

/** @throws Refusal `item_invalid` for anything but 1 to 256 bytes of well-formed text */
export function checkedText(what: string, text: string): string {
  const good =
    typeof text === 'string' && text !== '' && text.isWellFormed() && Buffer.byteLength(text) <= 256;
  if (!good) throw refuse('item_invalid', `${what} is 1 to 256 bytes of well-formed text`);
  return text;
}

/** `''` for none. @throws Refusal `item_invalid` for what cannot be the id, alias or ARN of a key */
export function checkedKeyId(kmsKeyId: string | undefined): string {
  if (kmsKeyId === undefined) return '';
  if (/^[\w:/.-]{1,2048}$/.test(kmsKeyId)) return kmsKeyId;
  throw refuse('item_invalid', 'the name of a key of the key service is not like an id, an alias or an ARN');
}
