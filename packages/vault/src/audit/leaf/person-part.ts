import type { Place } from '../../keys/sealer.ts';
import type { Entry } from '../entry.ts';

/** What an entry says about a person: sealed under a key of that person, which can be destroyed alone. */
export interface PersonPart {
  readonly subject: string;
  /** JSON with the person's id, and the address and program they came with. */
  readonly text: string;
}

/** @returns `undefined` when nobody in person asked, or the entry is an outcome */
export function personPartOf({ actor, src }: Entry): PersonPart | undefined {
  if (actor?.type !== 'person') return undefined;
  return { subject: actor.id, text: JSON.stringify({ agent: src?.agent, id: actor.id, ip: src?.ip }) };
}

/** Where the part of the person lies. */
export function personPlace(tenant: string, subject: string, entry: string): Place {
  return { tenant, subject, table: 'audit', record: entry, field: 'pii', epoch: 0 };
}
