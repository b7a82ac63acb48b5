import { randomBytes, randomUUID, timingSafeEqual } from 'node:crypto';
import { everyPage, type ItemOf, type SealedTables, type Sealer, type Stored } from '@sealgate/vault';
import { refuse } from '../errors.ts';
import { seatStep } from './groups.ts';
import type { People } from './people.ts';

// Somebody is invited into a group by a code. The code names its invitation and carries 160 random bits; the store holds
// its HMAC only. Accepting spends the invitation, takes a seat and makes the membership in one transaction. Which group
// it is stands in the invitation and nowhere else. Every reason why a code does not work gets the same answer.
//
//   code: <invitationId>.<27 characters>

const secretBytes = 20;
const codeForm = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.[A-Za-z0-9_-]{27}$/;
const daysMax = 30;
const dayMs = 24 * 60 * 60 * 1000;
/** Each lost attempt is somebody else's change of the same group. */
const attemptsMax = 100;

/** Roles that an invitation can give. */
export type InvitedRole = 'admin' | 'member';

/** An invitation to be made. */
export interface InvitationDraft {
  readonly groupId: string;
  readonly role: InvitedRole;
  readonly invitedBy: string;
  /** As `normalAddress` gives it: only the person with this address can accept. `undefined`: whoever has the code. */
  readonly email?: string | undefined;
  /** 1 to 30; 7 when not given. */
  readonly days?: number | undefined;
}

/** An invitation that nobody has accepted yet. */
export interface Invitation {
  readonly id: string;
  readonly role: InvitedRole;
  readonly invitedBy: string;
  readonly email: string | undefined;
  readonly endsAtMs: number;
}

/** The invitations of a deployment. Who may invite and revoke is decided before. */
export interface Invitations {
  /** The code is shown once and kept nowhere. @throws Refusal `group_unknown` for no group or a personal one, `request_invalid` */
  invite(draft: InvitationDraft): Promise<{ readonly invitation: Invitation; readonly code: string }>;
  /**
   * Spend the code: the person is a member from now on, or nothing has happened. A person who is a member already keeps
   * their role, and the code stays unspent.
   *
   * @throws Refusal `invitation_invalid`, `group_full`
   */
  acceptInvitation(code: string, userId: string): Promise<{ readonly groupId: string }>;
  /** The group's open invitations; may lag behind. */
  list(groupId: string): Promise<readonly Invitation[]>;
  /** `false` when the group has no such invitation, or it is spent. */
  revoke(groupId: string, invitationId: string): Promise<boolean>;
}

/** What invitations stand on. */
export interface InvitationParts {
  readonly tables: SealedTables;
  readonly sealer: Pick<Sealer, 'blind'>;
  readonly people: Pick<People, 'find'>;
  readonly now: () => number;
  /** `node:crypto` when not given. */
  readonly random?: ((bytes: number) => Uint8Array) | undefined;
}

/** Open the invitations of a deployment. */
export function openInvitations(parts: InvitationParts): Invitations {
  const { tables, now } = parts;
  return {
    invite: (draft) => invite(parts, draft),
    async acceptInvitation(code, userId) {
      for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
        const accepted = await accept(parts, code, userId);
        if (accepted !== undefined) return accepted;
      }
      throw refuse('internal', 'the group is changed too often', `${attemptsMax} attempts lost`);
    },
    async list(groupId) {
      const open: Invitation[] = [];
      const question = { index: 'groupId-index', partition: groupId, limit: 100 } as const;
      for await (const { items } of everyPage((from) =>
        tables.query('invitations', { ...question, ...from }),
      ))
        for (const { item } of items) if (isOpen(item, now())) open.push(await invitationOf(tables, item));
      return open;
    },
    async revoke(groupId, invitationId) {
      const stored = await tables.get('invitations', { invitationId });
      if (stored?.item['groupId'] !== groupId || !isOpen(stored.item, now())) return false;
      // Accepted meanwhile: then its guard is lost.
      return tables.remove('invitations', { invitationId }, { ifRevision: stored.revision });
    },
  };
}

async function invite(
  { tables, now, random = randomBytes }: InvitationParts,
  { groupId, role, invitedBy, email, days = 7 }: InvitationDraft,
): Promise<{ readonly invitation: Invitation; readonly code: string }> {
  if (!(days > 0 && days <= daysMax))
    throw refuse('request_invalid', `an invitation lasts 1 to ${daysMax} days`);
  const group = await tables.get('groups', { groupId });
  if (group === undefined || group.item['kind'] === 'personal')
    throw refuse('group_unknown', 'there is no such group to invite people into');
  const invitationId = randomUUID();
  const code = `${invitationId}.${Buffer.from(random(secretBytes)).toString('base64url')}`;
  const endsAtMs = now() + days * dayMs;
  const bound = email === undefined ? {} : { email: Buffer.from(email) };
  const facts = { invitationId, groupId, role, invitedBy, ...bound, endsAtMs, createdAtMs: now() };
  const draft = { ...facts, code, state: 'open', ttl: Math.ceil(endsAtMs / 1000) };
  await tables.put('invitations', draft, { ifAbsent: true });
  return { invitation: { id: invitationId, role, invitedBy, email, endsAtMs }, code };
}

/** `undefined`: something changed meanwhile, and it is to be looked at again. */
async function accept(
  parts: InvitationParts,
  code: string,
  userId: string,
): Promise<{ readonly groupId: string } | undefined> {
  const { tables, now } = parts;
  const { item, revision } = await invited(parts, code, userId);
  const groupId = textIn(item, 'groupId');
  const group = await tables.get('groups', { groupId });
  if (group === undefined) throw invalid('its group is gone');
  if ((await tables.get('memberships', { groupId, userId })) !== undefined) return { groupId };
  const seat = seatStep(group.item, group.revision);
  if (seat === undefined) throw refuse('group_full', 'every seat of the group is taken');
  const createdAtMs = now();
  const { invitationId, role } = item;
  const spent = {
    ...tables.keep('invitations', item),
    state: 'accepted',
    acceptedBy: userId,
    acceptedAtMs: createdAtMs,
  };
  const membership = { groupId, userId, role: role ?? 'member', invitationId, createdAtMs };
  const { done } = await tables.transact([
    { put: 'invitations', item: spent, guard: { ifRevision: revision } },
    { put: 'memberships', item: membership, guard: { ifAbsent: true } },
    seat,
  ]);
  return done ? { groupId } : undefined;
}

async function invited(
  { tables, sealer, people, now }: InvitationParts,
  code: string,
  userId: string,
): Promise<Stored<ItemOf<'invitations'>>> {
  const invitationId = codeForm.exec(code)?.[1];
  if (invitationId === undefined) throw invalid('not the form of a code');
  const stored = await tables.get('invitations', { invitationId });
  const kept = Buffer.from(stored === undefined ? '' : textIn(stored.item, 'code'));
  const given = Buffer.from(sealer.blind('invitations.code', code));
  if (stored === undefined || kept.length !== given.length || !timingSafeEqual(kept, given))
    throw invalid('no invitation has this code');
  if (!isOpen(stored.item, now())) throw invalid('it is spent or has ended');
  const person = await people.find(userId);
  if (person === undefined) throw invalid('nobody has this user id');
  const email = await emailIn(tables, stored.item);
  if (email !== undefined && person.email !== email) throw invalid('it is for another address');
  return stored;
}

function isOpen(item: ItemOf<'invitations'>, nowMs: number): boolean {
  return item['state'] === 'open' && Number(item['endsAtMs']) > nowMs;
}

async function emailIn(tables: SealedTables, item: ItemOf<'invitations'>): Promise<string | undefined> {
  if (item['email'] === undefined) return undefined;
  return (await tables.openField('invitations', item, 'email')).toString();
}

async function invitationOf(tables: SealedTables, item: ItemOf<'invitations'>): Promise<Invitation> {
  return {
    id: item.invitationId,
    role: item['role'] === 'admin' ? 'admin' : 'member',
    invitedBy: textIn(item, 'invitedBy'),
    email: await emailIn(tables, item),
    endsAtMs: Number(item['endsAtMs']),
  };
}

function textIn(item: ItemOf<'invitations'>, attribute: string): string {
  const value = item[attribute];
  return typeof value === 'string' ? value : '';
}

function invalid(detail: string): Error {
  return refuse(
    'invitation_invalid',
    'the invitation does not exist, has ended, or is not for this account',
    detail,
  );
}
