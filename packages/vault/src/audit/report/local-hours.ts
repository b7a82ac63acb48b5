import { refuse } from '../../refusal.ts';

// Hours on the clock of a place. Its distance from UTC is asked of Intl minute by minute: summer time begins at a minute, and
// there are places 30 and 45 minutes off the hour.

const minuteMs = 60_000;
const hourMs = 3600_000;
const dayMs = 24 * hourMs;

/** The hours of business: from `opens` to before `closes`, on every day. */
export const businessHours = { opens: 6, closes: 22 } as const;

/** A clock of one place. */
export interface LocalClock {
  /** Milliseconds to be added to UTC at that time. */
  offsetMs(atMs: number): number;
  /** Hour of the day, 0 to 23. */
  hour(atMs: number): number;
  /** Such as `2026-11-22 23:15+05:45`. */
  text(atMs: number): string;
}

/** @param zone a name of the IANA time zone database, such as `Asia/Kathmandu` @throws Refusal `item_invalid` for another */
export function localClock(zone: string): LocalClock {
  const format = formatOf(zone);
  let asked = NaN;
  let offset = 0;
  const offsetMs = (atMs: number): number => {
    const minute = Math.floor(atMs / minuteMs);
    if (minute === asked) return offset;
    const name = format.formatToParts(minute * minuteMs).find(({ type }) => type === 'timeZoneName')?.value;
    const [, sign, hours, minutes, seconds] =
      /^GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/.exec(name ?? '') ?? [];
    asked = minute;
    offset =
      (sign === '-' ? -1000 : 1000) *
      (Number(hours ?? 0) * 3600 + Number(minutes ?? 0) * 60 + Number(seconds ?? 0));
    return offset;
  };
  const dayOffsetMs = (atMs: number): number => (((atMs + offsetMs(atMs)) % dayMs) + dayMs) % dayMs;
  return {
    offsetMs,
    hour: (atMs) => Math.floor(dayOffsetMs(atMs) / hourMs),
    text(atMs) {
      const ms = offsetMs(atMs);
      const minutes = Math.abs(Math.round(ms / minuteMs));
      const two = (n: number): string => String(n).padStart(2, '0');
      const distance = `${ms < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
      return `${new Date(atMs + ms).toISOString().slice(0, 16).replace('T', ' ')}${distance}`;
    },
  };
}

/** Whether that hour is outside business hours. */
export function isOutside(hour: number): boolean {
  return hour < businessHours.opens || hour >= businessHours.closes;
}

function formatOf(zone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' });
  } catch (error) {
    throw refuse('item_invalid', 'there is no such time zone; name one such as Europe/Berlin', zone, error);
  }
}
