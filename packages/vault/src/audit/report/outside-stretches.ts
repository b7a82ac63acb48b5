import type { Stretch } from '../stretch.ts';
import { isOutside, localClock } from './local-hours.ts';

const dayMs = 24 * 3600_000;
// Nowhere does an hour begin, or the clock change, within one; where it ever did, both ends are looked at.
const cellMs = 15 * 60_000;

/**
 * The times of day that may lie outside of business hours in a zone: all that do, and next to nothing else.
 *
 * @param zone an IANA name @throws Refusal `item_invalid` for a zone that there is not
 * @returns stretches that meet these times, the oldest first
 */
export function outsideStretches(zone: string): (sinceMs: number, untilMs: number) => readonly Stretch[] {
  const clock = localClock(zone);
  const isOut = (atMs: number) => isOutside(clock.hour(atMs));
  const known = new Map<number, readonly Stretch[]>();
  const ofDay = (day: number): readonly Stretch[] => {
    const stretches: Stretch[] = [];
    for (let at = day * dayMs; at < (day + 1) * dayMs; at += cellMs)
      if (isOut(at) || isOut(at + cellMs - 1)) join(stretches, { sinceMs: at, untilMs: at + cellMs });
    return stretches;
  };
  return (sinceMs, untilMs) => {
    const all: Stretch[] = [];
    for (let day = Math.floor(sinceMs / dayMs); day * dayMs < untilMs; day += 1) {
      const stretches = known.get(day) ?? ofDay(day);
      known.set(day, stretches);
      for (const stretch of stretches) join(all, stretch);
    }
    return all;
  };
}

function join(stretches: Stretch[], next: Stretch): void {
  const last = stretches.at(-1);
  if (last?.untilMs === next.sinceMs) stretches[stretches.length - 1] = { ...last, untilMs: next.untilMs };
  else stretches.push(next);
}
