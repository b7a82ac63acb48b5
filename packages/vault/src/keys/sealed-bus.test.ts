import { randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Bus } from '../store/bus.ts';
import { busContract } from '../store/bus-contract.ts';
import { hear, until } from '../store/contract/bus-case.ts';
import { memoryBus } from '../store/memory/bus.ts';
import { memoryTables } from '../store/memory/tables.ts';
import { polledBus } from '../store/polled-bus.ts';
import { envKey } from './env-key.ts';
import { openSealer } from './open-sealer.ts';
import { sealedBus } from './sealed-bus.ts';

const now = Date.now;
const sealerOf = (root = randomBytes(32).toString('hex')) =>
  openSealer({ tables: memoryTables({ now }), provider: envKey(root), now });
// The wrapper keeps part of a bus's 1 KiB for itself; its own bound is tested below.
const largest = 'payloads arrive as they were';

/** A bus that keeps what travels on it. */
function tapped(): { readonly bus: Bus; readonly travelled: string[] } {
  const bus = memoryBus();
  const travelled: string[] = [];
  const publish = async (topic: string, payload: string): Promise<void> => {
    travelled.push(payload);
    await bus.publish(topic, payload);
  };
  return { bus: { ...bus, publish }, travelled };
}

describe.each(['memory', 'tables'])('a sealed bus over %s keeps every promise of Bus', (over) => {
  test.each(busContract.filter(({ name }) => name !== largest))('$name', ({ run }) =>
    run(async () => {
      const sealer = await sealerOf();
      const tables = memoryTables({ now });
      const one = over === 'memory' ? memoryBus() : polledBus(tables, { pollMs: 5 });
      const other = over === 'memory' ? one : polledBus(tables, { pollMs: 5 });
      const close = async (): Promise<void> => void (await Promise.all([one.close(), other.close()]));
      const sealed = sealedBus(one, sealer);
      return { one: sealed, other: other === one ? sealed : sealedBus(other, sealer), close };
    }),
  );

  test('the case that is left out is still called so', () => {
    expect(busContract.map(({ name }) => name)).toContain(largest);
  });
});

test('payloads of up to 640 bytes arrive as they were and travel within 1 KiB; a longer one is refused', async () => {
  const { bus, travelled } = tapped();
  const sealed = sealedBus(bus, await sealerOf());
  const heard = await hear(sealed, 'x'.repeat(64));
  const payloads = ['', ' ', 'a b  c', '\n\0\r\n', 'é 😀 \u2028', '{"a":1}', 'x'.repeat(640)];
  for (const payload of payloads) await sealed.publish('x'.repeat(64), payload);
  await until(() => heard.payloads.length >= payloads.length, 'a payload did not arrive');
  expect(heard).toMatchObject({ payloads, flushes: 0 });
  expect(Math.max(...travelled.map((text) => text.length))).toBeLessThanOrEqual(1024);
  for (const payload of ['x'.repeat(641), 'é'.repeat(321), '\ud800', undefined as unknown as string])
    await expect(sealed.publish('a', payload)).rejects.toMatchObject({ code: 'item_invalid' });
});

test('nothing that is told can be read on the way, and two messages that say the same look different', async () => {
  const { bus, travelled } = tapped();
  const sealed = sealedBus(bus, await sealerOf());
  const said = 'alice@example.org';
  await sealed.publish('connections', said);
  await sealed.publish('connections', said);
  expect(new Set(travelled).size).toBe(2);
  for (const text of travelled) {
    expect(text).toMatch(/^[\w-]+$/);
    expect(Buffer.from(text, 'base64url').includes(said)).toBe(false);
  }
});

test('what does not open here tells everybody to flush, and nobody what it says', async () => {
  const { bus, travelled } = tapped();
  const [sealed, foreign] = [sealedBus(bus, await sealerOf()), sealedBus(bus, await sealerOf())];
  const [grants, lists] = [await hear(sealed, 'grants'), await hear(sealed, 'tool-lists')];
  await foreign.publish('grants', 'of another deployment');
  await bus.publish('grants', 'made up');
  await bus.publish('grants', '');
  await until(() => grants.flushes === 3, 'a message that is none was not told as a flush');
  await sealed.publish('grants', 'ours');
  await until(() => grants.payloads.length === 1, 'a message was not told');
  // Moved to another topic, and cut short.
  const ours = travelled.at(-1) ?? '';
  await bus.publish('tool-lists', ours);
  await bus.publish('grants', ours.slice(0, -4));
  await until(() => grants.flushes === 4 && lists.flushes === 1, 'a message that was moved was taken');
  expect([grants.payloads, lists.payloads]).toEqual([['ours'], []]);
});

test('a flush of the bus below is passed on, until one has stopped listening', async () => {
  let flush = (): void => undefined;
  const bus: Bus = {
    ...memoryBus(),
    subscribe: async (_, listener) => {
      flush = () => listener.flush();
      return () => undefined;
    },
  };
  const heard = await hear(sealedBus(bus, await sealerOf()), 'a');
  flush();
  heard.stop();
  flush();
  expect(heard.flushes).toBe(1);
});
