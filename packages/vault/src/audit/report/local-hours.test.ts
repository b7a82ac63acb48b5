import assert from 'node:assert/strict';
import { describe, test } from 'vitest';
import { isOutside, localClock } from './local-hours.ts';

const at = (time: string): number => Date.parse(time);

describe('the hour of a place', () => {
  test.each([
    ['UTC', '2026-11-22T05:59:59.999Z', 5, '2026-11-22 05:59+00:00'],
    ['Asia/Kathmandu', '2026-11-22T16:14:59Z', 21, '2026-11-22 21:59+05:45'],
    ['Asia/Kathmandu', '2026-11-22T16:15:00Z', 22, '2026-11-22 22:00+05:45'],
    ['Asia/Kolkata', '2026-11-22T00:29:59Z', 5, '2026-11-22 05:59+05:30'],
    ['Asia/Kolkata', '2026-11-22T00:30:00Z', 6, '2026-11-22 06:00+05:30'],
    ['America/St_Johns', '2026-11-22T01:29:00Z', 21, '2026-11-21 21:59-03:30'],
    ['America/St_Johns', '2026-11-22T01:30:00Z', 22, '2026-11-21 22:00-03:30'],
    ['Pacific/Chatham', '2026-01-10T08:15:00Z', 22, '2026-01-10 22:00+13:45'],
    ['Pacific/Kiritimati', '2026-11-22T23:00:00Z', 13, '2026-11-23 13:00+14:00'],
    // Summer time begins and ends.
    ['Europe/Berlin', '2026-03-29T00:59:59Z', 1, '2026-03-29 01:59+01:00'],
    ['Europe/Berlin', '2026-03-29T01:00:00Z', 3, '2026-03-29 03:00+02:00'],
    ['Europe/Berlin', '2026-10-25T00:59:59Z', 2, '2026-10-25 02:59+02:00'],
    ['Europe/Berlin', '2026-10-25T01:00:00Z', 2, '2026-10-25 02:00+01:00'],
    // By half an hour.
    ['Australia/Lord_Howe', '2026-04-04T14:59:59Z', 1, '2026-04-05 01:59+11:00'],
    ['Australia/Lord_Howe', '2026-04-04T15:00:00Z', 1, '2026-04-05 01:30+10:30'],
  ])('%s at %s is %i', (zone, time, hour, text) => {
    const clock = localClock(zone);
    assert.equal(clock.hour(at(time)), hour);
    assert.equal(clock.text(at(time)), text);
  });

  test('is what Intl says, at every quarter of an hour of a year', () => {
    for (const zone of ['Asia/Kathmandu', 'Australia/Lord_Howe', 'America/New_York', 'Africa/Casablanca']) {
      const clock = localClock(zone);
      const format = new Intl.DateTimeFormat('en-GB', { timeZone: zone, hour: '2-digit', hourCycle: 'h23' });
      for (let ms = at('2026-01-01T00:00:00Z'); ms < at('2027-01-01T00:00:00Z'); ms += 7 * 900_000)
        assert.equal(clock.hour(ms), Number(format.format(ms)));
    }
  });
});

test('business opens at 6 and closes at 22', () => {
  const open = Array.from({ length: 24 }, (_, hour) => hour).filter((hour) => !isOutside(hour));
  assert.deepEqual([open[0], open.at(-1), open.length], [6, 21, 16]);
});

test('a place that there is not is refused', () => {
  assert.throws(() => localClock('Mars/Olympus'), { code: 'item_invalid' });
});
