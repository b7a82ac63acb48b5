import type { LocalClock } from './local-hours.ts';

const minuteMs = 60_000;
const hourMs = 3600_000;
const dayMs = 24 * hourMs;

/** A day of a place, as far as it lies in a stretch of time. */
export interface LocalDay {
  /** Such as `2026-11-22`. */
  readonly day: string;
  readonly sinceMs: number;
  /** Behind the last millisecond. */
  readonly untilMs: number;
}

/** The day of a time at a place, such as `2026-11-22`. */
export function dayOf(clock: LocalClock, atMs: number): string {
  return clock.text(atMs).slice(0, 10);
}

/** The days of a stretch of time at a place, the oldest first. They meet. */
export function* localDays(clock: LocalClock, sinceMs: number, untilMs: number): Generator<LocalDay> {
  for (let at = sinceMs; at < untilMs;) {
    const day = dayOf(clock, at);
    const end = endOf(clock, day, at);
    yield { day, sinceMs: at, untilMs: Math.min(end, untilMs) };
    at = end;
  }
}

// Most days end after what their clock says is left of them; some an hour before or behind, when summer time begins or ends.
// Any other is followed minute by minute, as the distance from UTC is asked.
function endOf(clock: LocalClock, day: string, atMs: number): number {
  const ofDayMs = (((atMs + clock.offsetMs(atMs)) % dayMs) + dayMs) % dayMs;
  const usual = atMs + dayMs - ofDayMs;
  for (const end of [usual, usual - hourMs, usual + hourMs])
    if (end > atMs && dayOf(clock, end) !== day && dayOf(clock, end - 1) === day) return end;
  let end = Math.floor(atMs / minuteMs + 1) * minuteMs;
  while (dayOf(clock, end) === day) end += minuteMs;
  return end;
}
