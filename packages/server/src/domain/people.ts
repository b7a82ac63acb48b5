import { randomUUID } from 'node:crypto';
import { everyPage, type DraftStep, type ItemOf, type SealedTables, type Sealer } from '@sealgate/vault';
import { refuse } from '../errors.ts';

// Everyone has a personal group. Before anybody can sign in there is one person: whoever runs this process. An address
// belongs to one person: a row of `uniques` that is written together with the person. Names and addresses lie sealed;
// people are found by the address blinded.
//
//   users: userId · groupId · profile (sealed: {name, email?}) · email (blinded) · createdAtMs
//   uniques: email/<blinded> → userId, groupId

/** A person and the group they act in. */
export interface Membership {
  /** The person (`users.userId`). */
  readonly subject: string;
  /** The group (`groups.groupId`). */
  readonly tenant: string;
}

/** Somebody with an account. */
export interface Person extends Membership {
  /** `tenant` is the personal group. */
  readonly tenant: string;
  readonly name: string;
  /** As {@link normalAddress} gives it; `undefined` for the local administrator. */
  readonly email: string | undefined;
}

/** A group that somebody is in. */
export interface Group {
  readonly id: string;
  readonly name: string;
}

/** Who there is. Addresses are normal ones (`domain/mail-address.ts`). */
export interface People {
  find(subject: string): Promise<Person | undefined>;
  /** Whether somebody has this address; the same single read for every address. */
  isKnown(email: string): Promise<boolean>;
  findByEmail(email: string): Promise<Person | undefined>;
  /** The person of this address, made with a personal group when there is none; of racing calls all get the same. */
  ensureByEmail(email: string): Promise<Person>;
  /** The personal group first, then the others by name. May lag behind: an access check asks `isMember`. */
  groupsOf(subject: string): Promise<readonly Group[]>;
  /** The group of this id or url; `undefined` when there is none. */
  groupNamed(name: string): Promise<string | undefined>;
  /** Consistent. */
  isMember(subject: string, tenant: string): Promise<boolean>;
  /** Remember that somebody has signed in. */
  noteSignIn(): Promise<void>;
  /** Whether anybody ever has. */
  anybodySignedIn(): Promise<boolean>;
}

/** What people stand on. */
export interface PeopleParts {
  readonly tables: SealedTables;
  readonly sealer: Pick<Sealer, 'blind'>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

const pointer = { uniqueKey: 'local-administrator' };
const signInMark = { uniqueKey: 'somebody-signed-in' };

/** The row of `uniques` that an address belongs to one person by. */
export function addressKey(
  { sealer }: Pick<PeopleParts, 'sealer'>,
  email: string,
): { readonly uniqueKey: string } {
  return { uniqueKey: `email/${sealer.blind('users.email', email)}` };
}

/** The people of these tables. */
export function openPeople(parts: PeopleParts): People {
  const { tables, now } = parts;
  const find = async (subject: string): Promise<Person | undefined> =>
    personOf(tables, (await tables.get('users', { userId: subject }))?.item);
  const subjectOf = async (email: string): Promise<string | undefined> =>
    (await tables.get('uniques', addressKey(parts, email)))?.item['userId'] as string | undefined;
  const findByEmail = async (email: string): Promise<Person | undefined> => {
    const subject = await subjectOf(email);
    return subject === undefined ? undefined : find(subject);
  };
  return {
    find,
    findByEmail,
    isKnown: async (email) => (await subjectOf(email)) !== undefined,
    async ensureByEmail(email) {
      const known = await findByEmail(email);
      if (known !== undefined) return known;
      const made: Person = { subject: randomUUID(), tenant: randomUUID(), name: email, email };
      const steps = birthOf(made, addressKey(parts, email), now());
      if ((await tables.transact(steps)).done) return made;
      const other = await findByEmail(email);
      if (other === undefined) throw refuse('internal', 'a person could not be made');
      return other;
    },
    groupsOf: async (subject) => groupsOf(tables, await find(subject)),
    groupNamed: (name) => groupNamed(tables, name),
    isMember: async (subject, tenant) =>
      (await tables.get('memberships', { groupId: tenant, userId: subject })) !== undefined,
    async noteSignIn() {
      if ((await tables.get('uniques', signInMark)) === undefined)
        await tables.put('uniques', { ...signInMark, atMs: now() }, { ifAbsent: true });
    },
    anybodySignedIn: async () => (await tables.get('uniques', signInMark)) !== undefined,
  };
}

/**
 * The local administrator: the account behind the command line and the first sign-in link. Made at the first call with a
 * personal group and a membership, all or nothing; every later or simultaneous call gives the same.
 */
export async function ensureLocalAdministrator({
  tables,
  now,
}: Pick<PeopleParts, 'tables' | 'now'>): Promise<Membership> {
  const known = await findLocalAdministrator(tables);
  if (known !== undefined) return known;
  const [subject, tenant] = [randomUUID(), randomUUID()];
  const person: Person = { subject, tenant, name: 'Local administrator', email: undefined };
  const made = await tables.transact(birthOf(person, pointer, now()));
  if (made.done) return { subject, tenant };
  const other = await findLocalAdministrator(tables);
  if (other === undefined) throw refuse('internal', 'the local administrator could not be made');
  return other;
}

/** The local administrator; `undefined` before anybody asked for one. */
export async function findLocalAdministrator(tables: SealedTables): Promise<Membership | undefined> {
  const item = (await tables.get('uniques', pointer))?.item;
  if (item === undefined) return undefined;
  return { subject: item['userId'] as string, tenant: item['groupId'] as string };
}

/** Everything that makes a person, all or nothing; the first step loses when `unique` is taken. */
function birthOf(
  { subject: userId, tenant: groupId, name, email }: Person,
  unique: { readonly uniqueKey: string },
  createdAtMs: number,
): readonly DraftStep[] {
  const ifAbsent = { ifAbsent: true } as const;
  const user = { userId, groupId, ...profileOf(name, email), createdAtMs };
  const group = { groupId, name: 'Personal', kind: 'personal', ownerId: userId, createdAtMs };
  return [
    { put: 'uniques', item: { ...unique, userId, groupId }, guard: ifAbsent },
    { put: 'users', item: user, guard: ifAbsent },
    { put: 'groups', item: group, guard: ifAbsent },
    { put: 'memberships', item: { groupId, userId, role: 'owner', createdAtMs }, guard: ifAbsent },
  ];
}

/** The attributes that say who somebody is, as they are written: `profile` to be sealed, `email` to be blinded. */
export function profileOf(
  name: string,
  email: string | undefined,
): { readonly profile: Uint8Array; readonly email?: string } {
  const profile = Buffer.from(JSON.stringify({ name, email }));
  return { profile, ...(email === undefined ? {} : { email }) };
}

async function personOf(
  tables: SealedTables,
  item: ItemOf<'users'> | undefined,
): Promise<Person | undefined> {
  if (item === undefined) return undefined;
  const { userId: subject, groupId } = item;
  if (typeof groupId !== 'string')
    throw refuse('internal', 'an account cannot be read', 'an item of `users` has not the form of a person');
  const profile = await tables.openField('users', item, 'profile');
  const { name, email } = JSON.parse(profile.toString()) as Pick<Person, 'name' | 'email'>;
  return { subject, tenant: groupId, name, email };
}

// An id is nobody's to choose, so a url that looks like one leads nowhere else. A url that two groups claim leads to neither.
async function groupNamed(tables: SealedTables, name: string): Promise<string | undefined> {
  if ((await tables.get('groups', { groupId: name })) !== undefined) return name;
  const page = await tables.query('groups', { index: 'url-index', partition: name, limit: 2 });
  return page.items.length === 1 ? page.items[0]?.item.groupId : undefined;
}

async function groupsOf(tables: SealedTables, person: Person | undefined): Promise<readonly Group[]> {
  if (person === undefined) return [];
  // The index may not show the newest memberships yet; the personal group is known without it.
  const ids = new Set([person.tenant]);
  const question = { index: 'userId-index', partition: person.subject, limit: 100 } as const;
  for await (const { items } of everyPage((from) => tables.query('memberships', { ...question, ...from })))
    for (const { item } of items) ids.add(item.groupId);
  const found = await Promise.all([...ids].map((groupId) => tables.get('groups', { groupId })));
  const groups = found.flatMap((stored) =>
    stored === undefined ? [] : [{ id: stored.item.groupId, name: stored.item['name'] as string }],
  );
  const rank = ({ id }: Group): number => (id === person.tenant ? 0 : 1);
  return groups.toSorted((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name, 'en'));
}
