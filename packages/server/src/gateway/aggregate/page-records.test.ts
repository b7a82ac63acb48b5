import {
  memoryBus,
  memoryRecords,
  type Bus,
  type Listener,
  type MemoryRecords,
  type Records,
} from '@sealgate/vault';
import { oneKeySealer } from '@sealgate/vault/testing';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Values } from '../front/target.ts';
import { openCatalog, type Catalog, type Sought } from './catalog.ts';
import { person, upstreamOf } from './fixtures/parts.ts';
import { openPageRecords, type PageRecords } from './page-records.ts';
import { keptMs } from './page.ts';

// Two instances that share what they keep. What one of them has fetched the other need not ask for, and what is dropped at
// one is shown at neither.

const sealer = oneKeySealer();
const github = upstreamOf('github');
let nowMs: number;
let memory: MemoryRecords;
let records: Records;
let bus: Bus;
let authorization: string | undefined;
let asked: number;
const open: PageRecords[] = [];
beforeEach(() => {
  nowMs = 1_000_000;
  memory = memoryRecords({ now: () => nowMs });
  records = memory;
  bus = memoryBus();
  authorization = undefined;
  asked = 0;
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
});

interface Instance {
  readonly catalog: Catalog;
  readonly shared: PageRecords;
  /** What is listed: the first tool's name. Each asking of the upstream gives another. */
  read(more?: Partial<Sought>, result?: Values): Promise<unknown>;
}

async function instance(news: Pick<Bus, 'publish' | 'subscribe'> = bus): Promise<Instance> {
  const shared = await openPageRecords({ records, sealer, news, now: () => nowMs });
  open.push(shared);
  const catalog = openCatalog({ authorization: async () => authorization, shared, now: () => nowMs });
  return {
    catalog,
    shared,
    async read(more = {}, result = {}) {
      const basic = {
        caller: person(),
        upstream: github,
        variant: '',
        listing: 'tools',
        use: 'show',
      } as const;
      const sought: Sought = { ...basic, cursor: undefined, ...more };
      const fetch = async () => ((asked += 1), { tools: [{ name: `t${asked}` }], ...result });
      const page = await catalog.page(sought, fetch);
      return (page.result['tools'] as Values[])[0]?.['name'];
    },
  };
}

/** Pages are written without anybody waiting for them. */
const written = (count: number): Promise<void> =>
  vi.waitFor(async () => expect((await memory.scan({ limit: 100 })).names).toHaveLength(count), 15_000);

describe('what one instance has fetched', () => {
  test('the other shows without asking, for as long as the first would', async () => {
    const [a, b] = [await instance(), await instance()];
    expect(await a.read()).toBe('t1');
    await written(1);
    nowMs += 200_000;
    expect([await b.read(), await b.read()]).toEqual(['t1', 't1']);
    expect(b.catalog.known(person(), github, { listing: 'tools', name: 'github__t1' })).toBe('t1');
    nowMs += keptMs - 200_000;
    expect([await b.read(), asked]).toEqual(['t2', 2]);
  });

  test('is shown to nobody else, unless the upstream says that it is public, and then within the group', async () => {
    const [a, b] = [await instance(), await instance()];
    await a.read({}, { cacheScope: 'private' });
    await written(1);
    expect(await b.read({ caller: person('u2') }, { cacheScope: 'public' })).toBe('t2');
    await written(2);
    expect(await a.read({ caller: person('u3') })).toBe('t2');
    expect(await (await instance()).read()).toBe('t1');
    expect(await a.read({ caller: person('u3', 'g2') })).toBe('t3');
  });

  test.each<[string, Partial<Sought>]>([
    ['what the client can do', { variant: 'sampling' }],
    ['another page of the list', { cursor: 'next' }],
    ['another list', { listing: 'prompts' }],
    ['another definition of the upstream', { upstream: upstreamOf('github', { url: 'http://other.test/' }) }],
    ['another upstream', { upstream: upstreamOf('github-2') }],
  ])('is kept apart by %s', async (_, more) => {
    const [a, b] = [await instance(), await instance()];
    await a.read({}, { cacheScope: 'public' });
    await written(1);
    await b.read(more);
    expect(asked).toBe(2);
  });

  test('is not found under a credential that was set since', async () => {
    const [a, b] = [await instance(), await instance()];
    authorization = 'c1@1';
    await a.read({}, { cacheScope: 'public' });
    await written(1);
    authorization = 'c1@2';
    expect(await b.read()).toBe('t2');
  });

  test('is neither read nor written where the upstream itself is wanted', async () => {
    const [a, b] = [await instance(), await instance()];
    await a.read({ listing: 'introduction', use: Infinity });
    await b.read({ listing: 'introduction' });
    await written(1);
    await a.read({ listing: 'introduction', use: Infinity });
    expect(asked).toBe(3);
    await written(1);
  });

  test('is found by a cursor longer than any name of a record', async () => {
    const [a, b] = [await instance(), await instance()];
    const cursor = 'é'.repeat(8000);
    await a.read({ cursor });
    await written(1);
    expect(await b.read({ cursor })).toBe('t1');
  });

  test('is kept by the first alone when it is too large to be shared', async () => {
    const [a, b] = [await instance(), await instance()];
    await a.read({}, { blob: 'x'.repeat(241 * 1024) });
    await a.read({ cursor: 'small' });
    await written(1);
    expect([await a.read(), await b.read()]).toEqual(['t1', 't3']);
  });

  test('lies in the store under names and in bytes that nobody can read', async () => {
    const a = await instance();
    await a.read({}, { description: 'a-description-of-a-tool' });
    a.catalog.drop('g1', 'github');
    await written(2);
    for (const name of (await memory.scan({ limit: 100 })).names) {
      const bytes = Buffer.from((await memory.get(name))?.bytes ?? []).toString('latin1');
      for (const secret of ['github', 'a-description', '"tools"', '"g1"', '"u1"'])
        expect(name + bytes).not.toContain(secret);
    }
  });
});

describe('what is dropped at one', () => {
  test('is shown by neither: not from its memory, not from what is shared', async () => {
    const [a, b, c] = [await instance(), await instance(), await instance()];
    await a.read();
    await written(1);
    await b.read();
    a.catalog.drop('g1', 'github');
    expect(await a.read()).toBe('t2');
    await vi.waitFor(() =>
      expect(b.catalog.known(person(), github, { listing: 'tools', name: 'github__t1' })).toBeUndefined(),
    );
    expect(await c.read()).not.toBe('t1');
    expect(await b.read()).not.toBe('t1');
  });

  test('stays dropped when a page that was fetched before is written late', async () => {
    const [a, b, c] = [await instance(), await instance(), await instance()];
    const late = await a.shared.placeOf({ tenant: 'g1', upstream: 'github' });
    b.catalog.drop('g1', 'github');
    await written(1);
    const place = { ...late!, get: async () => undefined };
    const stale = openCatalog({
      authorization: async () => undefined,
      shared: { ...a.shared, placeOf: async () => place },
      now: () => nowMs,
    });
    const sought = {
      caller: person(),
      upstream: github,
      variant: '',
      listing: 'tools',
      use: 'show',
    } as const;
    await stale.page({ ...sought, cursor: undefined }, async () => ({ tools: [{ name: 'stale' }] }));
    await written(2);
    expect(await c.read()).toBe('t1');
  });

  test('is not found again by a page that was being read meanwhile', async () => {
    const [a, b] = [await instance(), await instance()];
    await a.read();
    await written(1);
    const opened = Promise.withResolvers<void>();
    const slow = await b.shared.placeOf({ tenant: 'g1', upstream: 'github' });
    const reading = openCatalog({
      authorization: async () => undefined,
      shared: {
        ...b.shared,
        placeOf: async () => ({ ...slow!, get: async (key) => (await opened.promise, slow!.get(key)) }),
      },
      now: () => nowMs,
    });
    const sought = {
      caller: person(),
      upstream: github,
      variant: '',
      listing: 'tools',
      use: 'show',
    } as const;
    const page = reading.page({ ...sought, cursor: undefined }, async () => ({ tools: [{ name: 'fresh' }] }));
    await new Promise(setImmediate);
    reading.drop('g1', 'github');
    opened.resolve();
    expect((await page).result['tools']).toEqual([{ name: 'fresh' }]);
  });

  test('is another upstream’s or group’s nowhere', async () => {
    const [a, b] = [await instance(), await instance()];
    await a.read();
    await a.read({ upstream: upstreamOf('github-2') });
    await a.read({ caller: person('u1', 'g2') });
    await written(3);
    a.catalog.drop('g1', 'github');
    await written(4);
    expect(await b.read({ upstream: upstreamOf('github-2') })).toBe('t2');
    expect(await b.read({ caller: person('u1', 'g2') })).toBe('t3');
  });

  test('a thousand times a second costs a write or two', async () => {
    const put = vi.fn<Records['put']>(memory.put);
    records = { ...memory, put };
    const a = await instance();
    for (let at = 0; at < 1000; at += 1) a.catalog.drop('g1', 'github');
    await vi.waitFor(() => expect(put).toHaveBeenCalled(), 15_000);
    await new Promise(setImmediate);
    expect(put.mock.calls.length).toBeLessThanOrEqual(2);
    // Until the last of them is told, nothing is shared.
    a.catalog.drop('g1', 'github');
    expect(await a.shared.placeOf({ tenant: 'g1', upstream: 'github' })).toBeUndefined();
  });

  test('is forgotten by whoever is told to flush, whatever it was', async () => {
    const listeners: Listener[] = [];
    const news = {
      publish: async () => undefined,
      subscribe: async (_: string, listener: Listener) => (listeners.push(listener), () => undefined),
    };
    const [a, b] = [await instance(news), await instance(news)];
    await a.read();
    await written(1);
    await b.read();
    a.catalog.drop('g1', 'github');
    await written(2);
    expect(await b.read()).toBe('t1');
    for (const listener of listeners) listener.flush();
    expect(await b.read()).toBe('t2');
  });
});

describe('a store that fails', () => {
  test('is a page that is not there, and is left alone for a while', async () => {
    const get = vi.fn<Records['get']>(() => Promise.reject(new Error('down')));
    records = { ...memory, get, put: () => Promise.reject(new Error('down')) };
    const a = await instance();
    expect([await a.read(), await a.read()]).toEqual(['t1', 't1']);
    expect(await a.read({ cursor: '2' })).toBe('t2');
    expect(get).toHaveBeenCalledTimes(1);
    nowMs += 5000;
    expect(await a.read({ cursor: '3' })).toBe('t3');
    expect(get).toHaveBeenCalledTimes(2);
  });

  test('and does not even answer keeps nobody waiting for long', async () => {
    records = { ...memory, get: () => new Promise(() => undefined) };
    const a = await instance();
    expect(await a.read()).toBe('t1');
  });

  test('to take an epoch is asked again, and nothing that was dropped is shown meanwhile', async () => {
    const a = await instance();
    await a.read();
    await written(1);
    let down = true;
    records = {
      ...memory,
      put: (...given) => (down ? Promise.reject(new Error('down')) : memory.put(...given)),
    };
    const b = await instance();
    b.catalog.drop('g1', 'github');
    await new Promise(setImmediate);
    expect(await b.read()).toBe('t2');
    expect(await b.shared.placeOf({ tenant: 'g1', upstream: 'github' })).toBeUndefined();
    down = false;
    await vi.waitFor(
      async () => expect(await b.shared.placeOf({ tenant: 'g1', upstream: 'github' })).toBeTypeOf('object'),
      { timeout: 5000 },
    );
    expect(await (await instance()).read()).not.toBe('t1');
  });

  test('and gives a page that somebody changed or moved gives none', async () => {
    const [a, b] = [await instance(), await instance()];
    await a.read();
    await a.read({ cursor: 'other' });
    await written(2);
    const [one, two] = (await memory.scan({ limit: 10 })).names;
    const moved = await memory.get(two!);
    await memory.put(one!, moved!.bytes, { endsAtMs: nowMs + 1000 });
    const changed = Buffer.from(moved!.bytes);
    changed[changed.length - 1]! ^= 1;
    await memory.put(two!, changed, { endsAtMs: nowMs + 1000 });
    expect(await b.read()).toBe('t3');
    expect(await b.read({ cursor: 'other' })).toBe('t4');
    // Nothing rests because of it: what replaces it is found.
    await vi.waitFor(async () => expect(await (await instance()).read()).toBe('t3'), 15_000);
  });
});
