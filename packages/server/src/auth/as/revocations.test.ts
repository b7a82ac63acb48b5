import { memoryBus, type Bus, type Listener } from '@sealgate/vault';
import { expect, it, vi } from 'vitest';
import { openRevocations } from './revocations.ts';

const failed = (error: unknown): void => expect.fail(String(error));

function listening(one: Awaited<ReturnType<typeof openRevocations>>): { count: number } {
  const heard = { count: 0 };
  one.onRevoked(() => (heard.count += 1));
  return heard;
}

it('what one instance revokes every other hears of, and it itself before anything is sent', async () => {
  const news = memoryBus();
  const [one, other] = [await openRevocations({ news, failed }), await openRevocations({ news, failed })];
  const [mine, theirs] = [listening(one), listening(other)];
  const told = one.revoked();
  expect([mine.count, theirs.count]).toEqual([1, 0]);
  await told;
  await vi.waitFor(() => expect(theirs.count).toBe(1), 15_000);
  expect(mine.count).toBe(1);
});

it('many revocations at once leave as few messages, and none is answered before one that left after it', async () => {
  const sent: PromiseWithResolvers<void>[] = [];
  const slow: Pick<Bus, 'publish' | 'subscribe'> = {
    publish: () => sent[sent.push(Promise.withResolvers<void>()) - 1]!.promise,
    subscribe: async () => () => undefined,
  };
  const one = await openRevocations({ news: slow, failed });
  const answered: string[] = [];
  const revoke = (name: string) => void one.revoked().then(() => answered.push(name));
  for (const name of ['a', 'b', 'c']) revoke(name);
  await vi.waitFor(() => expect(sent).toHaveLength(1), 15_000);
  revoke('late');
  sent[0]?.resolve();
  await vi.waitFor(() => expect(sent).toHaveLength(2), 15_000);
  expect(answered).toEqual(['a', 'b', 'c']);
  sent[1]?.resolve();
  await vi.waitFor(() => expect(answered).toEqual(['a', 'b', 'c', 'late']), 15_000);
});

it('a bus that is away fails no revocation, is reported, and is tried again with the next', async () => {
  const news = memoryBus();
  const failures: unknown[] = [];
  const publish = vi.fn<Bus['publish']>(news.publish).mockRejectedValueOnce(new Error('down'));
  const one = await openRevocations({ news: { ...news, publish }, failed: (error) => failures.push(error) });
  const theirs = listening(await openRevocations({ news, failed }));
  await one.revoked();
  expect(failures).toMatchObject([{ message: 'down' }]);
  await one.revoked();
  await vi.waitFor(() => expect(theirs.count).toBe(1), 15_000);
});

it('a flush counts as a revocation, and who is closed hears of nothing', async () => {
  const listeners: Listener[] = [];
  const news = {
    publish: async () => undefined,
    subscribe: async (_: string, listener: Listener) => (listeners.push(listener), () => undefined),
  };
  const one = await openRevocations({ news, failed });
  const heard = listening(one);
  listeners[0]?.flush();
  expect(heard.count).toBe(1);
  one.close();
  listeners[0]?.flush();
  expect(heard.count).toBe(1);
});
