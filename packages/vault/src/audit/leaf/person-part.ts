import type { Place } from '../../keys/sealer.ts';
import { fillNonce } from '../../seal/nonces.ts';
import type { Entry } from '../entry.ts';

// Out of the pool that nonces come from: random bytes by themselves cost as much as the rest of this.
const saltBytes = Buffer.allocUnsafeSlow(16);

/** What an entry says about a person: sealed under a key of that person, which can be destroyed alone. */
export interface PersonPart {
  readonly subject: string;
  /** JSON with the person's id, the address and program they came with, and 16 random bytes: its hash says nothing of it. */
  readonly text: string;
}

/** @returns `undefined` when nobody in person asked, or the entry is an outcome */
export function personPartOf({ actor, src }: Entry): PersonPart | undefined {
  if (actor?.type !== 'person') return undefined;
  fillNonce(saltBytes);
  const salt = saltBytes.toString('base64url');
  return { subject: actor.id, text: JSON.stringify({ agent: src?.agent, id: actor.id, ip: src?.ip, salt }) };
}

/** Where the part of the person lies. */
export function personPlace(tenant: string, subject: string, entry: string): Place {
  return { tenant, subject, table: 'audit', record: entry, field: 'pii', epoch: 0 };
}
