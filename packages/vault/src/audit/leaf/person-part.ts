import { randomBytes } from 'node:crypto';
import type { Place } from '../../keys/sealer.ts';
import type { Entry } from '../entry.ts';

/** What an entry says about a person: sealed under a key of that person, which can be destroyed alone. */
export interface PersonPart {
  readonly subject: string;
  /** JSON with the person's id, the address and program they came with, and 16 random bytes: its hash says nothing of it. */
  readonly text: string;
}

/** @returns `undefined` when nobody in person asked, or the entry is an outcome */
export function personPartOf({ actor, src }: Entry): PersonPart | undefined {
  if (actor?.type !== 'person') return undefined;
  const salt = randomBytes(16).toString('base64url');
  return { subject: actor.id, text: JSON.stringify({ agent: src?.agent, id: actor.id, ip: src?.ip, salt }) };
}

/** Where the part of the person lies. */
export function personPlace(tenant: string, subject: string, entry: string): Place {
  return { tenant, subject, table: 'audit', record: entry, field: 'pii', epoch: 0 };
}
