import { randomBytes } from 'node:crypto';

// The group that a person chose is part of the grant's id: nothing that hangs on the grant can be carried over to another
// group, and no second row can fall out of step with it. The id is sealed wherever it is stored, and clients never see it.

/** An id for a new grant in a group. */
export function grantIdFor(tenant: string): string {
  return `${randomBytes(24).toString('base64url')}.${tenant}`;
}

/** The group of a grant; `undefined` for an id that was not made here. */
export function tenantOf(grantId: string): string | undefined {
  return /^[A-Za-z0-9_-]{32}\.(.+)$/.exec(grantId)?.[1];
}
