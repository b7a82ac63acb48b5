import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { memoryTables } from '../store/memory/tables.ts';
import { envKey } from './env-key.ts';
import { openSealer } from './open-sealer.ts';
import type { Place } from './sealer.ts';

// More people of one tenant at once than data keys are kept open: keys make room for others while they are loaded.

const now = () => 1_700_000_000_000;
const people = Array.from({ length: 200 }, (_, number) => `person ${number}`);
const placeOf = (subject: string): Place => ({
  tenant: 'g1',
  subject,
  table: 'connections',
  record: 'r',
  field: 'f',
  epoch: 0,
});

test.each([1, 8, 64])(
  'a crowd seals and opens, then and later, with room for %i keys',
  async (dataKeysMax) => {
    const provider = envKey(randomBytes(32).toString('hex'));
    const sealer = await openSealer({ tables: memoryTables({ now }), provider, now, dataKeysMax });
    const seal = (subject: string) => sealer.seal('credential', placeOf(subject), Buffer.from(subject));
    const all = await Promise.all(people.map(seal));
    await new Promise((resolve) => setTimeout(resolve, 5));
    for (const subject of people) all.push(await seal(subject));
    const opened = await Promise.all(
      all.map((sealed, at) => sealer.open('credential', placeOf(people[at % people.length]!), sealed)),
    );
    expect(opened.map(String)).toEqual([...people, ...people]);
    expect((await sealer.describe()).open.dataKeys).toBeLessThanOrEqual(dataKeysMax + 1);
    await sealer.close();
  },
);
