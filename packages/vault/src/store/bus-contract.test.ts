import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { busContract } from './bus-contract.ts';
import { hear, until, type OpenBuses } from './contract/bus-case.ts';
import { twoBuses } from './fixtures/two-buses.ts';
import { memoryBus } from './memory/bus.ts';
import { memoryTables } from './memory/tables.ts';
import { polledBus } from './polled-bus.ts';
import type { Tables } from './tables.ts';

const inMemory: OpenBuses = async () => {
  const bus = memoryBus();
  return { one: bus, other: bus, close: bus.close };
};

const onTables: OpenBuses = async () => {
  const tables = memoryTables({ now: Date.now });
  const polled = () => polledBus(tables, { pollMs: 5 });
  return twoBuses([polled(), polled()], tables.close);
};

describe.each([
  ['in process', inMemory],
  ['polled on tables', onTables],
])('bus %s', (_, open) => {
  it.each(busContract)('$name', ({ run }) => run(open));
});

/** Tables whose reads are counted and fail on demand. */
function watchedTables() {
  const tables = memoryTables({ now: Date.now });
  const state = { reads: 0, failing: false };
  const get: Tables['get'] = async (...asked) => {
    state.reads += 1;
    if (state.failing) throw new Error('down');
    return tables.get(...asked);
  };
  return { state, tables, watched: { ...tables, get } };
}

it('a polled bus reads nothing while nobody listens, and one item a look while nothing changes', async () => {
  const { state, watched } = watchedTables();
  const bus = polledBus(watched, { pollMs: 10 });
  await sleep(50);
  expect(state.reads).toBe(0);
  await hear(bus, 'a');
  await sleep(105);
  expect(state.reads).toBeGreaterThan(1);
  expect(state.reads).toBeLessThanOrEqual(12);
  await bus.close();
});

it('a polled bus that was cut off tells what was missed, or to flush when that is more than it can know', async () => {
  const { state, tables, watched } = watchedTables();
  const bus = polledBus(watched, { pollMs: 5 });
  const publisher = polledBus(tables);
  const heard = await hear(bus, 'a');
  state.failing = true;
  for (let n = 0; n < 64; n += 1) await publisher.publish('a', `${n}`);
  state.failing = false;
  await until(() => heard.payloads.length === 64, 'what was missed was not told');
  expect(heard.flushes).toBe(0);
  state.failing = true;
  for (let n = 0; n < 65; n += 1) await publisher.publish('b', `${n}`);
  state.failing = false;
  await until(() => heard.flushes === 1, 'nobody was told to flush');
  expect(heard.payloads.length).toBe(64);
  await bus.close();
});
