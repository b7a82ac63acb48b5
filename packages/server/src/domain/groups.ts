import { randomUUID } from 'node:crypto';
import type { ItemOf, Step, Tables } from '@sealgate/vault';
import { refuse } from '../errors.ts';
import type { Group } from './people.ts';

// Groups that people share. A group may have a number of seats: its owner's is the first, and every membership after it
// takes one in the transaction that makes it.

const nameLengthMax = 100;

/** A group to be made. */
export interface GroupDraft {
  readonly name: string;
  /** The person who makes it. */
  readonly owner: string;
  /** `undefined`: any number of people. */
  readonly seatsMax?: number | undefined;
}

/**
 * Make a group with its owner as the one member.
 *
 * @throws Refusal `request_invalid` for a name that is empty or over 100 characters, or a number of seats below 1
 */
export async function createGroup(tables: Tables, draft: GroupDraft, now: () => number): Promise<Group> {
  const { owner: userId, seatsMax } = draft;
  const name = draft.name.trim();
  if (name === '' || name.length > nameLengthMax || !name.isWellFormed())
    throw refuse('request_invalid', `a group's name has 1 to ${nameLengthMax} characters`);
  if (seatsMax !== undefined && !(Number.isSafeInteger(seatsMax) && seatsMax >= 1))
    throw refuse('request_invalid', 'a group has a whole number of seats, one at least');
  const groupId = randomUUID();
  const createdAtMs = now();
  const seats = seatsMax === undefined ? {} : { seatsMax, seatsTaken: 1 };
  const group = { groupId, name, kind: 'shared', ownerId: userId, createdAtMs, ...seats };
  await tables.transact([
    { put: 'groups', item: group, guard: { ifAbsent: true } },
    { put: 'memberships', item: { groupId, userId, role: 'owner', createdAtMs }, guard: { ifAbsent: true } },
  ]);
  return { id: groupId, name };
}

/**
 * The step that takes a seat, or holds a transaction to the group as it was read.
 *
 * @returns `undefined` when no seat is free
 */
export function seatStep(
  item: ItemOf<'groups'>,
  revision: string | undefined,
): Extract<Step, { put: 'groups' } | { check: 'groups' }> | undefined {
  const guard = { ifRevision: revision };
  const { groupId, seatsMax, seatsTaken } = item;
  if (typeof seatsMax !== 'number') return { check: 'groups', key: { groupId }, guard };
  const taken = typeof seatsTaken === 'number' ? seatsTaken : 0;
  if (taken >= seatsMax) return undefined;
  return { put: 'groups', item: { ...item, seatsTaken: taken + 1 }, guard };
}

/**
 * The step that gives a seat back with a membership that ends.
 *
 * @returns `undefined` for a group with any number of people
 */
export function seatFreed(
  item: ItemOf<'groups'>,
  revision: string | undefined,
): Extract<Step, { put: 'groups' }> | undefined {
  const { seatsMax, seatsTaken } = item;
  if (typeof seatsMax !== 'number' || typeof seatsTaken !== 'number') return undefined;
  return {
    put: 'groups',
    item: { ...item, seatsTaken: Math.max(0, seatsTaken - 1) },
    guard: { ifRevision: revision },
  };
}
