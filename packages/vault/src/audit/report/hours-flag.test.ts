import assert from 'node:assert/strict';
import { test } from 'vitest';
import { hoursJudge } from './hours-flag.ts';

test.each([
  ['2026-11-22T05:59:59.999Z', 'UTC', true],
  ['2026-11-22T06:00:00.000Z', 'UTC', false],
  ['2026-11-22T21:59:59.999Z', 'UTC', false],
  ['2026-11-22T22:00:00.000Z', 'UTC', true],
  // 45 minutes off the hour: 06:00 is 00:15 UTC.
  ['2026-11-22T00:14:59.999Z', 'Asia/Kathmandu', true],
  ['2026-11-22T00:15:00.000Z', 'Asia/Kathmandu', false],
  // Summer time ends at 01:00 UTC on this day: 06:00 was 04:00 UTC the day before, and is 05:00 UTC.
  ['2026-10-24T04:00:00.000Z', 'Europe/Berlin', false],
  ['2026-10-25T04:30:00.000Z', 'Europe/Berlin', true],
  ['2026-10-25T05:00:00.000Z', 'Europe/Berlin', false],
])('%s in %s is outside business hours: %s', (time, zone, outside) => {
  const judge = hoursJudge();
  // Asked about another zone and time in between, it must not mix them up.
  judge('America/New_York', Date.parse(time) + 7 * 3600_000);
  assert.deepEqual(judge(zone, Date.parse(time)), outside ? ['hours'] : []);
});

test('a zone that there is not is refused', () => {
  assert.throws(() => hoursJudge()('Europe/Berlín', 0), { code: 'item_invalid' });
});
