import assert from 'node:assert/strict';
import { hear, onBuses, until, type BusCase } from './contract/bus-case.ts';
import { refused } from './contract/tables-case.ts';

/** Every promise of `Bus`, for any test runner: run each case with a function that opens two instances on a fresh bus. */
export const busContract: readonly BusCase[] = [
  onBuses(
    'every listener of every instance is told, in the order of one publisher',
    async ({ one, other }) => {
      const heard = await Promise.all([hear(one, 'roles'), hear(other, 'roles'), hear(other, 'roles')]);
      for (let n = 0; n < 20; n += 1) await one.publish('roles', `${n}`);
      const all = Array.from({ length: 20 }, (_, n) => `${n}`);
      await until(() => heard.every(({ payloads }) => payloads.length >= 20), 'a listener was not told');
      for (const { payloads } of heard) assert.deepEqual(payloads, all);
    },
  ),
  onBuses('payloads arrive as they were', async ({ one, other }) => {
    const heard = await hear(other, 'a');
    const payloads = ['', ' ', 'a b  c', '\n\0\r\n', 'é 😀 \u2028', '{"a":1}', 'x'.repeat(1024)];
    for (const payload of payloads) await one.publish('a', payload);
    await until(() => heard.payloads.length >= payloads.length, 'a payload did not arrive');
    assert.deepEqual(heard.payloads, payloads);
  }),
  onBuses('topics are apart, also when one begins like another', async ({ one, other }) => {
    const [a, ab] = await Promise.all([hear(other, 'a'), hear(other, 'a.b')]);
    await one.publish('a.b', '1');
    await one.publish('a', '2');
    await one.publish('b', '3');
    await until(() => a.payloads.length > 0 && ab.payloads.length > 0, 'a topic was not told');
    assert.deepEqual([a.payloads, ab.payloads], [['2'], ['1']]);
  }),
  onBuses('who subscribes hears all that is published from then on', async ({ one, other }) => {
    await one.publish('a', 'before');
    for (let n = 0; n < 5; n += 1) {
      const heard = await hear(other, 'a');
      await one.publish('a', `${n}`);
      await until(() => heard.payloads.includes(`${n}`), 'who subscribed was not told');
      // Nobody is told what others were told and have done with.
      assert.ok(!heard.payloads.includes(`${n - 1}`));
    }
  }),
  onBuses('who has stopped hears nothing more, and the others do', async ({ one, other }) => {
    const [stopped, stays] = await Promise.all([hear(other, 'a'), hear(other, 'a')]);
    stopped.stop();
    stopped.stop();
    await one.publish('a', 'x');
    await until(() => stays.payloads.length > 0, 'who stayed was not told');
    assert.deepEqual(stopped.payloads, []);
  }),
  onBuses('of many publishers at once nobody is lost without a flush', async ({ one, other }) => {
    const heard = await hear(other, 'a');
    await Promise.all(Array.from({ length: 40 }, (_, n) => (n % 2 === 0 ? one : other).publish('a', `${n}`)));
    await until(() => heard.payloads.length + heard.flushes * 40 >= 40, 'a message was lost');
    assert.equal(new Set(heard.payloads).size, heard.payloads.length);
  }),
  onBuses('topics and payloads outside the rules are refused', async ({ one }) => {
    const listener = { changed: () => undefined, flush: () => undefined };
    for (const topic of ['', 'A', 'a b', 'é', 'x'.repeat(65), 'a\n', '*']) {
      await refused('item_invalid', () => one.publish(topic, ''));
      await refused('item_invalid', () => one.subscribe(topic, listener));
    }
    for (const payload of ['x'.repeat(1025), 'é'.repeat(513), '\ud800', undefined as unknown as string])
      await refused('item_invalid', () => one.publish('a', payload));
  }),
  onBuses('a closed instance hears nothing more, the other one does', async ({ one, other }) => {
    if (one === other) return;
    const [open, closed] = await Promise.all([hear(one, 'a'), hear(other, 'a')]);
    await other.close();
    await one.publish('a', 'x');
    await until(() => open.payloads.length > 0, 'the open instance was not told');
    assert.deepEqual(closed.payloads, []);
  }),
];
