import type { AuditFlag } from '../entry.ts';
import { isOutside, localClock, type LocalClock } from './local-hours.ts';

const none: readonly AuditFlag[] = [];
const outside: readonly AuditFlag[] = ['hours'];

/**
 * Judges whether a moment is outside business hours in a zone. A clock asks for its distance from UTC once a minute, so that
 * most judgements are arithmetic.
 *
 * @throws Refusal `item_invalid` for a zone that there is not, when it is asked about
 */
export function hoursJudge(): (zone: string, atMs: number) => readonly AuditFlag[] {
  const clocks = new Map<string, LocalClock>();
  return (zone, atMs) => {
    let clock = clocks.get(zone);
    if (clock === undefined) clocks.set(zone, (clock = localClock(zone)));
    return isOutside(clock.hour(atMs)) ? outside : none;
  };
}
