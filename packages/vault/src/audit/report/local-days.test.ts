import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { dayOf, localDays } from './local-days.ts';
import { localClock } from './local-hours.ts';

// Europe/Berlin changes at 01:00 UTC, America/Havana at midnight, Lord Howe by half an hour; Samoa left out a day in 2011.
const zones = [
  'UTC',
  'Asia/Kathmandu',
  'Europe/Berlin',
  'America/Havana',
  'Australia/Lord_Howe',
  'Pacific/Apia',
];
const hourMs = 3600_000;

test('days meet, and each has the times that are called by its name', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...zones),
      fc.integer({ min: Date.UTC(2010, 0), max: Date.UTC(2031, 0) }),
      fc.integer({ min: 1, max: 12 * 24 * hourMs }),
      (zone, sinceMs, lengthMs) => {
        const clock = localClock(zone);
        const days = [...localDays(clock, sinceMs, sinceMs + lengthMs)];
        assert.deepEqual([days[0]?.sinceMs, days.at(-1)?.untilMs], [sinceMs, sinceMs + lengthMs]);
        days.forEach(({ day, ...stretch }, at) => {
          if (at > 0) assert.equal(stretch.sinceMs, days[at - 1]?.untilMs);
          for (let ms = stretch.sinceMs; ms < stretch.untilMs; ms += hourMs / 2)
            assert.equal(dayOf(clock, ms), day);
          assert.equal(dayOf(clock, stretch.untilMs - 1), day);
        });
      },
    ),
    { numRuns: 200 },
  );
});

test('a day of summer time has 23 hours, and one of its end 25', () => {
  const hoursOf = (date: string) => {
    const sinceMs = Date.parse(`${date}T00:00:00+02:00`) - hourMs;
    const days = [...localDays(localClock('Europe/Berlin'), sinceMs, sinceMs + 50 * hourMs)];
    const own = days.find(({ day }) => day === date)!;
    return (own.untilMs - own.sinceMs) / hourMs;
  };
  assert.deepEqual(['2026-03-29', '2026-06-01', '2026-10-25'].map(hoursOf), [23, 24, 25]);
});
