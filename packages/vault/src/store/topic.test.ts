import { expect, test } from 'vitest';
import { refuse } from '../refusal.ts';
import type { Listener } from './bus.ts';
import { memoryBus } from './memory/bus.ts';
import { openTopic } from './topic.ts';

async function hearing(bus = memoryBus()) {
  const [one, other] = [openTopic<{ n: number }>(bus, 't'), openTopic<{ n: number }>(bus, 't')];
  const [mine, theirs]: unknown[][] = [[], []];
  await one.hear((message) => mine!.push(message));
  const stop = await other.hear((message) => theirs!.push(message));
  return { bus, one, mine, theirs, stop };
}

test('the others hear what is told, and whoever told it does not', async () => {
  const { one, mine, theirs } = await hearing();
  await one.tell({ n: 1 });
  await one.tell(undefined);
  await expect.poll(() => theirs).toEqual([{ n: 1 }, undefined]);
  expect(mine).toEqual([]);
});

test('what cannot be read is heard as something', async () => {
  const { bus, mine, theirs } = await hearing();
  for (const payload of ['', 'no json', 'null', '[]', '"text"', '{"from":"somebody"}'])
    await bus.publish('t', payload);
  const something = Array.from({ length: 6 }, () => undefined);
  await expect.poll(() => theirs).toEqual(something);
  expect(mine).toEqual(something);
});

test('what is too long is told as something, and another refusal is not swallowed', async () => {
  const sent: string[] = [];
  const topic = openTopic<string>(
    {
      subscribe: async () => () => undefined,
      async publish(_, payload) {
        if (payload.length > 100) throw refuse('item_invalid', 'too long');
        if (payload.includes('down')) throw refuse('store_unavailable', 'down');
        sent.push(payload);
      },
    },
    't',
  );
  await topic.tell('x'.repeat(200));
  expect(sent.map((payload) => JSON.parse(payload) as object)).toEqual([
    { from: expect.any(String) as string },
  ]);
  await expect(topic.tell('down')).rejects.toMatchObject({ code: 'store_unavailable' });
});

test('a flush is heard as something, and who has stopped hears nothing', async () => {
  const listeners: Listener[] = [];
  const heard: unknown[] = [];
  const subscribe = async (_: string, listener: Listener) => (
    listeners.push(listener),
    () => void listeners.pop()
  );
  const stop = await openTopic({ subscribe, publish: async () => undefined }, 't').hear((message) =>
    heard.push(message),
  );
  listeners[0]?.flush();
  expect(heard).toEqual([undefined]);
  stop();
  expect(listeners).toEqual([]);
});
