import { everyItem, type SealedTables } from '@sealgate/vault';
import { refuse } from '../errors.ts';
import { addressKey, profileOf, type PeopleParts } from './people.ts';

// Earlier versions kept names and addresses in clear. At the first start they are sealed, person by person, and a row of
// `uniques` says from then on that nothing is left to do. Links that were on their way in clear are dropped: they live
// for a quarter of an hour, and whoever waits for one asks again.

const doneMark = { uniqueKey: 'people-sealed' };
/** Each lost attempt is another instance that does the same. */
const attemptsMax = 10;

/**
 * Seal what earlier versions left in clear. However many do it at once, and however often one is killed, each person is
 * moved as a whole or not at all.
 *
 * @returns how many people were moved
 */
export async function sealClearPeople(parts: PeopleParts): Promise<number> {
  const { tables, now } = parts;
  if ((await tables.get('uniques', doneMark)) !== undefined) return 0;
  let moved = 0;
  for await (const { userId } of everyItem(tables, 'users'))
    moved += (await sealPerson(parts, userId)) ? 1 : 0;
  for await (const { linkHash, asked } of everyItem(tables, 'magic_links'))
    if (asked === undefined) await tables.remove('magic_links', keptKey(tables, linkHash));
  await tables.put('uniques', { ...doneMark, atMs: now() });
  return moved;
}

function keptKey(tables: SealedTables, linkHash: string) {
  return { linkHash: tables.keep('magic_links', { linkHash }).linkHash };
}

async function sealPerson(parts: PeopleParts, userId: string): Promise<boolean> {
  const { tables } = parts;
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const stored = await tables.get('users', { userId });
    if (stored === undefined || stored.item['profile'] !== undefined) return false;
    const { name, email: clear, ...rest } = stored.item;
    const email = typeof clear === 'string' ? clear : undefined;
    const item = { ...rest, userId, ...profileOf(typeof name === 'string' ? name : '', email) };
    const { groupId = null } = rest;
    const { done } = await tables.transact([
      { put: 'users', item, guard: { ifRevision: stored.revision } },
      ...(email === undefined
        ? []
        : ([
            { remove: 'uniques', key: { uniqueKey: `email/${email}` } },
            { put: 'uniques', item: { ...addressKey(parts, email), userId, groupId } },
          ] as const)),
    ]);
    if (done) return true;
  }
  throw refuse('internal', 'an account cannot be sealed', `${attemptsMax} attempts lost`);
}
