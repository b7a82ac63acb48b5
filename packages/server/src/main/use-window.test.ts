import assert from 'node:assert/strict';
import { memoryRecords, objectOf, type CallReader, type Records } from '@sealgate/vault';
import { drawn } from '@sealgate/vault/testing';
import { afterEach, beforeEach, describe, test } from 'vitest';
import { openLog } from '../log.ts';
import { openUses, type Uses } from './uses.ts';

// Uses are compared once a day, and begin anew then. The log is a list here, of which anything can be taken.

const hour = 3600_000;
const shop = objectOf('group-1', 'shop#*#default');
const mail = objectOf('group/2', 'mail#*#default');

let records: Records;
let clock: { nowMs: number };
let logged: { object: string; ts: number }[];
let unsayable: Map<string, 'closed' | 'destroyed'>;
let asked: { tenants: string[]; sinceMs: number }[];
let gaps: number;
let opened: Map<string, number>;
let uses: Uses;

const calls: Pick<CallReader, 'openings'> = {
  async openings(things, { sinceMs, untilMs }) {
    asked.push({ tenants: things.map(({ tenant }) => tenant), sinceMs });
    const counts = new Map<string, number | 'closed'>();
    for (const { object } of things) {
      const isMeant = (each: (typeof logged)[number]): boolean =>
        each.object === object && each.ts >= sinceMs && each.ts < untilMs;
      if (unsayable.get(object) === 'closed') counts.set(object, 'closed');
      else if (!unsayable.has(object)) counts.set(object, logged.filter(isMeant).length);
    }
    return counts;
  },
};

async function start(over = records): Promise<void> {
  opened = new Map();
  uses = await openUses({
    records: over,
    calls,
    journal: { stampMs: () => clock.nowMs, health: () => ({ writer: 'w1' }) as never },
    counted: () => new Map(opened),
    gap: () => void (gaps += 1),
    log: openLog('error', { write: () => undefined }),
    now: () => clock.nowMs,
  });
}

const attempt = (object: string): void => void logged.push({ object, ts: clock.nowMs });
const open = (object: string): void => void opened.set(object, (opened.get(object) ?? 0) + 1);
const use = (object: string, times = 1): void => {
  for (let i = 0; i < times; i += 1) {
    attempt(object);
    open(object);
  }
};
const pass = (hours: number): void => void (clock.nowMs += hours * hour);
const day = async (): Promise<void> => {
  pass(26);
  await uses.run();
};

beforeEach(async () => {
  clock = { nowMs: Date.UTC(2026, 10, 20) };
  records = memoryRecords({ now: () => clock.nowMs });
  [logged, asked, gaps, unsayable] = [[], [], 0, new Map()];
  await start();
});
afterEach(() => uses.close());

describe('uses that were found in the log', () => {
  test('need not be there a day later, when entries have left it', async () => {
    use(shop, 5);
    use(mail, 2);
    await day();
    assert.deepEqual(asked[0]?.tenants, ['group-1', 'group/2']);
    logged = logged.filter(({ ts }) => ts > clock.nowMs - hour);
    assert.deepEqual(await uses.check(), { uses: 0, lacking: [] });
    use(shop);
    assert.deepEqual(await uses.check(), { uses: 1, lacking: [] });
    assert.ok(asked.at(-1)!.sinceMs >= clock.nowMs - hour);
  });

  test('are not asked for again after a restart, and those that were counted since are', async () => {
    use(shop, 5);
    await day();
    use(shop, 2);
    await uses.close();
    await start();
    logged = logged.filter(({ ts }) => ts > clock.nowMs - hour);
    assert.deepEqual(await uses.check(), { uses: 2, lacking: [] });
    logged.pop();
    assert.deepEqual((await uses.check()).lacking, [{ object: shop, counted: 2, logged: 1 }]);
  });

  test('were compared before: one that was lost until then is told, and stays told', async () => {
    use(shop, 5);
    logged.splice(2, 1);
    const lacking = [{ object: shop, counted: 5, logged: 4 }];
    for (let days = 0; days < 3; days += 1) {
      await day();
      assert.deepEqual(await uses.check(), { uses: 5, lacking });
    }
    assert.equal(gaps, 1);
    await uses.close();
    await start();
    assert.deepEqual(await uses.check(), { uses: 5, lacking });
  });

  test('do not make up for one that is lost later', async () => {
    use(shop, 50);
    await day();
    use(shop, 3);
    logged.pop();
    assert.deepEqual((await uses.check()).lacking, [{ object: shop, counted: 3, logged: 2 }]);
  });

  test('and that were made within the last hour are still compared with what there is of them', async () => {
    use(shop, 3);
    pass(25.5);
    use(shop, 4);
    pass(0.2);
    await uses.run();
    assert.deepEqual(await uses.check(), { uses: 4, lacking: [] });
    logged.pop();
    assert.deepEqual((await uses.check()).lacking, [{ object: shop, counted: 4, logged: 3 }]);
  });
});

test('a use that is under way while it is compared raises nothing, whichever way it ends', async () => {
  use(shop);
  pass(26);
  attempt(shop);
  attempt(mail);
  await uses.run();
  open(shop);
  assert.deepEqual(await uses.check(), { uses: 1, lacking: [] });
  await day();
  assert.deepEqual((await uses.check()).lacking, []);
});

test('while the keys of a tenant do not open nothing begins anew; when they are gone its uses are let go', async () => {
  use(shop);
  use(mail);
  unsayable.set(shop, 'closed');
  await day();
  assert.deepEqual(await uses.check(), { uses: 2, lacking: [] });
  unsayable.set(shop, 'destroyed');
  await day();
  assert.deepEqual(await uses.check(), { uses: 0, lacking: [] });
});

test('a crash while totals of many credentials are written raises nothing, wherever it comes', async () => {
  const many = Array.from({ length: 600 }, (_, n) => objectOf('group-1', `shop${n}#*#default`));
  for (let writes = 0; writes < 4; writes += 1) {
    let left = Infinity;
    const failing: Records = {
      ...records,
      put(...given) {
        left -= 1;
        return left < 0 ? Promise.reject(new Error('gone')) : records.put(...given);
      },
    };
    await uses.close();
    await start(failing);
    many.forEach((object) => use(object));
    await uses.run();
    pass(26);
    many.forEach((object) => use(object));
    left = writes;
    await uses.run();
    await start();
    logged = logged.filter(({ ts }) => ts >= clock.nowMs - 28 * hour);
    assert.deepEqual((await uses.check()).lacking, [], `after ${writes} writes`);
    await day();
    logged = [];
    await start();
    assert.deepEqual(await uses.check(), { uses: 0, lacking: [] }, 'what is left of an earlier beginning');
  }
});

test('whatever happens nothing is told that is not so, and what was never compared is told when it is lost', async () => {
  const random = drawn(5);
  const draw = (below: number): number => Math.floor(random() * below);
  for (let times = 0; times < 60; times += 1) {
    const underWay: { object: string; atMs: number }[] = [];
    for (let steps = 0; steps < 60; steps += 1) {
      const object = draw(2) === 0 ? shop : mail;
      const which = draw(9);
      if (which < 3) {
        attempt(object);
        underWay.push({ object, atMs: clock.nowMs });
      } else if (which < 5) {
        const ending = underWay.splice(draw(underWay.length), 1)[0];
        if (ending !== undefined && draw(5) > 0) open(ending.object);
      } else if (which === 5) {
        underWay.splice(0).forEach((each) => open(each.object));
        pass(draw(20));
      } else if (which === 6) pass(0.1);
      else if (which === 7) await uses.run();
      else {
        underWay.length = 0;
        if (draw(2) === 0) await uses.close();
        await start();
      }
      for (const each of underWay.splice(0)) if (clock.nowMs - each.atMs < 0.9 * hour) underWay.push(each);
      assert.deepEqual((await uses.check()).lacking, []);
    }
    await uses.run();
    use(shop, 3);
    logged = logged.filter(({ object }) => object !== shop);
    const { lacking } = await uses.check();
    assert.deepEqual([lacking[0]?.object, lacking[0]?.logged, lacking.length], [shop, 0, 1]);
    [logged, records] = [[], memoryRecords({ now: () => clock.nowMs })];
    await start();
  }
});
