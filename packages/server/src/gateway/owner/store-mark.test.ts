import { memoryRecords, type Records } from '@sealgate/vault';
import { expect, test } from 'vitest';
import { openLeases } from './leases.ts';
import { openStoreMark } from './store-mark.ts';

let nowMs = 1_800_000_000_000;
const now = () => nowMs;

function fragile(): { readonly records: Records; lose(): void } {
  let held = memoryRecords({ now });
  const records = new Proxy({} as Records, { get: (_, name) => Reflect.get(held, name) as unknown });
  return { records, lose: () => void (held = memoryRecords({ now })) };
}

test('the mark is the same for all, however many open it at once, and another one after everything was lost', async () => {
  const { records, lose } = fragile();
  const marks = await Promise.all(Array.from({ length: 8 }, () => openStoreMark(records, now)));
  expect(new Set(marks.map((mark) => mark.seen())).size).toBe(1);
  const [one] = marks;
  const before = one!.seen();
  expect([await one!.look(), one!.isNew()]).toEqual([before, false]);
  lose();
  const seen = await Promise.all(marks.map((mark) => mark.look()));
  expect(new Set(seen).size).toBe(1);
  expect(seen[0]).not.toBe(before);
  expect(marks.map((mark) => mark.isNew())).not.toContain(false);
  nowMs += 10_000;
  expect([await one!.look(), one!.isNew()]).toEqual([seen[0], false]);
});

test('whoever opens it after the loss has lost nothing', async () => {
  const { records, lose } = fragile();
  await openStoreMark(records, now);
  lose();
  expect((await openStoreMark(records, now)).isNew()).toBe(false);
});

test('an instance whose lease was lost hears that it is there again, once others can find it', async () => {
  const { records, lose } = fragile();
  const found = Promise.withResolvers<unknown>();
  const own = { id: 'one', url: 'http://127.0.0.1:1', startedAtMs: nowMs };
  const leases = await openLeases({
    records,
    own,
    now,
    returned: async () => found.resolve(await (await openOther(records)).find('one')),
    failed: found.reject,
  });
  lose();
  expect(await found.promise).toEqual(own);
  await leases.close();
});

const openOther = (records: Records) =>
  openLeases({ records, own: undefined, now, returned: async () => undefined, failed: () => undefined });
