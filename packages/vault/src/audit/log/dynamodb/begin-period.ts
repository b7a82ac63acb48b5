import type { LogEnd } from '../segments.ts';
import { moved } from '../moved.ts';
import { stateItem, type Change } from './chain.ts';
import { headsIn } from './heads.ts';
import { itemAt, numberIn, periodPart, textIn, type Attributes, type ItemKey } from './items.ts';
import type { LogTable } from './log-table.ts';
import { endIn, endItem, heldIn, heldItem, releasedKey, throughIn, throughItem } from './period-items.ts';

// A period begins with the last segment of the one before it: from then on nothing is added to that one, and what the new
// one takes over is what it came to. The first begins with the only segment of one that has no name and no logs.

/** The name of what lies before the first period. */
export const beforeAll = '';

/** Where it is said which periods have begun. */
export function beginningKey(name: string): ItemKey {
  return { part: 'periods', place: name };
}

/**
 * What the last segment of a period changes.
 *
 * @param n its number
 * @throws Refusal `store_unavailable` when a log is there whose end is not given: somebody added one meanwhile
 */
export async function beginning(
  table: LogTable,
  from: string,
  { name, ends }: { readonly name: string; readonly ends: readonly LogEnd[] },
  n: number,
): Promise<Change> {
  const [old, part] = [periodPart(from), periodPart(name)];
  const list = (beginWith: string) => table.list({ part: old, places: { beginWith } });
  const given = new Map(ends.map((end) => [end.scope, end]));
  for (const item of await list('head#')) {
    const newest = headsIn(item).at(-1);
    if (newest !== undefined && given.get(newest.scope)?.shard !== newest.shard) throw moved();
  }
  const known = (await list('end#')).map(endIn).filter(({ scope }) => !given.has(scope));
  return {
    adds: [],
    sets: [
      ...[...known, ...ends].map((end) => endItem(part, end)),
      ...(await list('through#')).map((item) => throughItem(part, throughIn(item))),
      ...(await heldLines(table, old)).map((item) => heldItem(part, heldIn(item))),
      itemAt(beginningKey(name), {}),
      stateItem(part, n),
    ],
    removes: [],
    ends: true,
  };
}

async function heldLines(table: LogTable, part: string): Promise<Attributes[]> {
  const held = await table.list({ part, places: { beginWith: 'held#' } });
  const scopes = [...new Set(held.map((item) => textIn(item, 'scope')))];
  const released = await table.getAll(scopes.map((scope) => releasedKey(part, scope)));
  const through = new Map(released.map((item) => [textIn(item, 'scope'), numberIn(item, 'seq')]));
  return held.filter((item) => numberIn(item, 'seq') > (through.get(textIn(item, 'scope')) ?? 0));
}
