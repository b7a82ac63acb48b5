import { expect, it } from 'vitest';
import { memoryRecords } from './records.ts';

it('ended records and bars that nobody asks for leave the memory', async () => {
  let nowMs = 0;
  const records = memoryRecords({ now: () => nowMs });
  for (let n = 0; n < 2000; n += 1) {
    nowMs += 1;
    await records.put(`n${n}`, Uint8Array.of(1), { endsAtMs: nowMs + 100, owners: ['u'] });
    await records.bar(`bar${n}`, nowMs + 100);
  }
  // 100 of each live at any time.
  expect(records.size).toBeLessThan(400);
});
