import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { stores, type OpenedStore } from './fixtures/two-stores.ts';
import { createGroup } from './groups.ts';
import { openInvitations, type Invitations } from './invitations.ts';
import { openPeople, type People, type Person } from './people.ts';

const invalid = { code: 'invitation_invalid' };
let nowMs = 0;
const now = (): number => nowMs;
let store: OpenedStore;
let people: People;
let invitations: Invitations;
let owner: Person;

async function groupOf(seatsMax?: number): Promise<string> {
  return (await createGroup(store.tables, { name: 'Shop', owner: owner.subject, seatsMax }, now)).id;
}

async function codeFor(groupId: string, more: { email?: string; days?: number } = {}): Promise<string> {
  const draft = { groupId, role: 'member', invitedBy: owner.subject, ...more } as const;
  return (await invitations.invite(draft)).code;
}

const person = (name: string) => people.ensureByEmail(`${name}@example.com`);

describe.each(Object.entries(stores))('invitations on %s', (_, open) => {
  beforeEach(async () => {
    nowMs = 1_700_000_000_000;
    store = await open(now);
    people = openPeople({ tables: store.sealed, sealer: store.sealer, now });
    invitations = openInvitations({ tables: store.sealed, sealer: store.sealer, people, now });
    owner = await person('owner');
  });
  afterEach(() => store.close());

  test('a code makes whoever has it a member, once', async () => {
    const groupId = await groupOf();
    const code = await codeFor(groupId);
    const [ada, eve] = [await person('ada'), await person('eve')];
    expect(await invitations.acceptInvitation(code, ada.subject)).toEqual({ groupId });
    expect(await people.isMember(ada.subject, groupId)).toBe(true);
    await expect(invitations.acceptInvitation(code, eve.subject)).rejects.toMatchObject(invalid);
    expect(await people.isMember(eve.subject, groupId)).toBe(false);
    await expect(invitations.acceptInvitation(code, ada.subject)).rejects.toMatchObject(invalid);
  });

  test('of twenty who use one code at once, one gets in', async () => {
    const groupId = await groupOf(50);
    const code = await codeFor(groupId);
    const crowd = await Promise.all(Array.from({ length: 20 }, (__, n) => person(`p${n}`)));
    const results = await Promise.allSettled(
      crowd.map(({ subject }) => invitations.acceptInvitation(code, subject)),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const inside = await Promise.all(crowd.map(({ subject }) => people.isMember(subject, groupId)));
    expect(inside.filter(Boolean)).toHaveLength(1);
    expect((await store.tables.get('groups', { groupId }))?.item['seatsTaken']).toBe(2);
  });

  test('of twenty with codes of their own, as many get in as there are seats', async () => {
    const groupId = await groupOf(4);
    const crowd = await Promise.all(Array.from({ length: 20 }, (__, n) => person(`p${n}`)));
    const codes = await Promise.all(crowd.map(() => codeFor(groupId)));
    const results = await Promise.allSettled(
      crowd.map(({ subject }, n) => invitations.acceptInvitation(codes[n] ?? '', subject)),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
    for (const result of results)
      expect(result).toMatchObject(result.status === 'fulfilled' ? {} : { reason: { code: 'group_full' } });
    const late = codes[results.findIndex(({ status }) => status === 'rejected')] ?? '';
    // Nothing was spent for those who found no seat.
    await expect(invitations.acceptInvitation(late, (await person('late')).subject)).rejects.toMatchObject({
      code: 'group_full',
    });
  });

  test('a code that is guessed, changed, cut or of another form opens nothing', async () => {
    const groupId = await groupOf();
    const code = await codeFor(groupId);
    const { subject } = await person('eve');
    const [id = '', secret = ''] = code.split('.');
    const other = (await codeFor(groupId)).split('.')[1] ?? '';
    const flipped = `${id}.${secret.startsWith('A') ? 'B' : 'A'}${secret.slice(1)}`;
    const guesses = [
      flipped,
      `${id}.${other}`,
      id,
      `${id}.`,
      code.slice(0, -1),
      `${code}=`,
      `.${secret}`,
      '',
    ];
    for (const guess of guesses)
      await expect(invitations.acceptInvitation(guess, subject)).rejects.toMatchObject(invalid);
    expect(await people.isMember(subject, groupId)).toBe(false);
  });

  test('what lies in the store is no code', async () => {
    const code = await codeFor(await groupOf());
    const { item } = (await store.tables.scan('invitations', { limit: 1 })).items[0] ?? { item: undefined };
    expect(JSON.stringify(item)).not.toContain(code.split('.')[1]);
    const stolen = `${item?.invitationId}.${String(item?.['code'])}`;
    await expect(invitations.acceptInvitation(stolen, owner.subject)).rejects.toMatchObject(invalid);
    const cut = stolen.slice(0, code.length);
    await expect(invitations.acceptInvitation(cut, owner.subject)).rejects.toMatchObject(invalid);
  });

  test('a code ends on its day, however late the store deletes it', async () => {
    const groupId = await groupOf();
    const code = await codeFor(groupId, { days: 1 });
    const { subject } = await person('ada');
    nowMs += 24 * 60 * 60 * 1000;
    await expect(invitations.acceptInvitation(code, subject)).rejects.toMatchObject(invalid);
    await expect(codeFor(groupId, { days: 31 })).rejects.toMatchObject({ code: 'request_invalid' });
  });

  test('an invitation for an address is for nobody else', async () => {
    const groupId = await groupOf();
    const code = await codeFor(groupId, { email: 'ada@example.com' });
    for (const userId of [(await person('eve')).subject, 'nobody'])
      await expect(invitations.acceptInvitation(code, userId)).rejects.toMatchObject(invalid);
    expect(await invitations.acceptInvitation(code, (await person('ada')).subject)).toEqual({ groupId });
  });

  test('a member who accepts keeps the role and spends nothing', async () => {
    const groupId = await groupOf(2);
    const code = await codeFor(groupId);
    await invitations.acceptInvitation(code, owner.subject);
    const membership = await store.tables.get('memberships', { groupId, userId: owner.subject });
    expect(membership?.item['role']).toBe('owner');
    await invitations.acceptInvitation(code, (await person('ada')).subject);
  });

  test('another group neither sees nor revokes an invitation, and nobody is invited into a personal one', async () => {
    const [ours, theirs] = [await groupOf(), await groupOf()];
    const code = await codeFor(ours);
    store.settle();
    expect(await invitations.list(theirs)).toEqual([]);
    const [open] = await invitations.list(ours);
    expect(await invitations.revoke(theirs, open?.id ?? '')).toBe(false);
    expect(await invitations.revoke(ours, open?.id ?? '')).toBe(true);
    expect(await invitations.revoke(ours, open?.id ?? '')).toBe(false);
    const { subject, tenant } = await person('ada');
    await expect(invitations.acceptInvitation(code, subject)).rejects.toMatchObject(invalid);
    for (const groupId of [tenant, 'no-group'])
      await expect(codeFor(groupId)).rejects.toMatchObject({ code: 'group_unknown' });
  });
});
