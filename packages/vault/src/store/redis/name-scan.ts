import { cursorInvalid, writeCursor } from '../cursor.ts';
import { compareText } from '../text-order.ts';
import type { RedisServer } from './server.ts';

// Every name, by SCAN over one server after the other. A round may bring more names than a page has room for: the place is
// then the round's own beginning and the last name of the page, and the round is asked again.

/** Keys a server looks at in one round. */
const roundKeys = 500;
/** A page ends after so many rounds, full or not: most keys may be others'. */
const roundsMax = 50;

/** One page of names. */
export interface NameScan {
  readonly prefix: string;
  /** From the cursor of the page before. */
  readonly place: readonly (string | number)[] | undefined;
  readonly limit: number;
  isLiving(name: string): Promise<boolean>;
}

/** @throws Refusal `cursor_invalid`, `store_unavailable` */
export async function scanNames(
  redis: RedisServer,
  { prefix, place, limit, isLiving }: NameScan,
): Promise<{ readonly names: readonly string[]; readonly cursor: string | undefined }> {
  let { server, position, behind } = placeIn(place);
  const names: string[] = [];
  for (let round = 0; round < roundsMax; round += 1) {
    const { next, keys } = await roundOf(redis, server, position, prefix);
    const found = [...new Set(keys)].sort(compareText).filter((name) => compareText(name, behind) > 0);
    while (found.length > 0) {
      const part = found.splice(0, limit - names.length);
      const lives = await Promise.all(part.map(isLiving));
      names.push(...part.filter((_, n) => lives[n]));
      if (names.length === limit)
        return { names, cursor: writeCursor(['scan'], [server, position, part.at(-1) ?? '']) };
    }
    behind = '';
    position = next;
    if (position === '0') server += 1;
    if (server >= redis.servers()) return { names, cursor: undefined };
  }
  return { names, cursor: writeCursor(['scan'], [server, position, behind]) };
}

async function roundOf(
  redis: RedisServer,
  server: number,
  position: string,
  prefix: string,
): Promise<{ readonly next: string; readonly keys: readonly string[] }> {
  const pattern = `${prefix.replace(/[*?[\]\\^]/g, '\\$&')}*`;
  const command = ['SCAN', position, 'MATCH', pattern, 'COUNT', String(roundKeys)];
  const [next, keys] = (await redis.sendTo(server, command)) as [Buffer | string, readonly Buffer[]];
  return { next: next.toString(), keys: keys.map((key) => key.toString().slice(prefix.length)) };
}

function placeIn(place: readonly (string | number)[] | undefined): {
  server: number;
  position: string;
  behind: string;
} {
  if (place === undefined) return { server: 0, position: '0', behind: '' };
  const [server, position, behind] = place;
  if (typeof server !== 'number' || typeof position !== 'string' || typeof behind !== 'string')
    throw cursorInvalid('no place of a scan inside');
  if (!Number.isInteger(server) || server < 0 || !/^\d{1,20}$/.test(position))
    throw cursorInvalid('no place of a scan');
  return { server, position, behind };
}
