import { afterEach, beforeEach, expect, it } from 'vitest';
import { instances, type Instances } from './fixtures/test-manager.ts';
import { openNames, type NamesInUse } from './token-names.ts';

let stage: Instances;
beforeEach(() => void (stage = instances()));
afterEach(() => stage.close());

const open = (): Promise<NamesInUse> =>
  openNames({ records: stage.records, provider: stage.provider, now: () => stage.clock.ms });
const looks = async (all: readonly NamesInUse[]): Promise<boolean[]> => {
  const changed: boolean[] = [];
  for (const names of all) changed.push(await names.look());
  return changed;
};

it('a store that was emptied has its names again, and everybody knows that its keys are gone, whoever looks first', async () => {
  const all = [await open(), await open(), await open()];
  const name = all[0]!.current.blind('client', 'a');
  expect(await looks(all)).toEqual([false, false, false]);
  for (const order of [all, all.toReversed()]) {
    await stage.records.take('tokens.names');
    expect(await looks(order)).toEqual([true, true, true]);
    expect(await looks(order)).toEqual([false, false, false]);
    expect([...all, await open()].map(({ current }) => current.blind('client', 'a'))).toEqual(
      Array<string>(4).fill(name),
    );
  }
});

it('of several that look at once each knows', async () => {
  const all = [await open(), await open(), await open()];
  await stage.records.take('tokens.names');
  const changed = await Promise.all(all.map((names) => names.look()));
  const later = await looks(all);
  for (const at of all.keys()) expect(changed[at] === true || later[at] === true).toBe(true);
  await looks(all);
  expect(await looks(all)).toEqual([false, false, false]);
});
