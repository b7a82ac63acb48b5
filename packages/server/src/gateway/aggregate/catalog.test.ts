import { beforeEach, describe, expect, test } from 'vitest';
import type { Caller } from '../../caller.ts';
import type { Values } from '../front/target.ts';
import { openCatalog, type Catalog, type Sought } from './catalog.ts';
import { person, upstreamOf } from './fixtures/parts.ts';

let nowMs: number;
let authorization: string | undefined;
let fetched: number;
let catalog: Catalog;
beforeEach(() => {
  nowMs = 1_000_000;
  authorization = undefined;
  fetched = 0;
  catalog = openCatalog({ authorization: async () => authorization, now: () => nowMs });
});

const github = upstreamOf('github');

async function read(caller: Caller, result: Values, more: Partial<Sought> = {}): Promise<unknown> {
  const sought: Sought = {
    caller,
    upstream: github,
    variant: '',
    listing: 'tools',
    cursor: undefined,
    use: 'show',
    ...more,
  };
  const page = await catalog.page(
    sought,
    async () => ((fetched += 1), { tools: [{ name: `t${fetched}` }], ...result }),
  );
  return (page.result['tools'] as Values[])[0]?.['name'];
}

describe('the catalog', () => {
  test('keeps a list for five minutes at most', async () => {
    expect([await read(person(), {}), await read(person(), {})]).toEqual(['t1', 't1']);
    nowMs += 299_999;
    expect(await read(person(), {})).toBe('t1');
    nowMs += 1;
    expect(await read(person(), {})).toBe('t2');
  });

  test('keeps a list for as long as the upstream says when that is less', async () => {
    await read(person(), { ttlMs: 1000 });
    nowMs += 1000;
    expect(await read(person(), { ttlMs: 3_600_000 })).toBe('t2');
    nowMs += 300_000;
    expect(await read(person(), {})).toBe('t3');
  });

  test('shows nobody what another person was listed, unless the upstream says that it is public', async () => {
    expect(await read(person('u1'), { cacheScope: 'private' })).toBe('t1');
    expect(await read(person('u2'), { cacheScope: 'public' })).toBe('t2');
    expect(await read(person('u3'), {})).toBe('t2');
    expect(await read(person('u1'), {})).toBe('t1');
  });

  test('shares a public list with no other group', async () => {
    await read(person('u1', 'g1'), { cacheScope: 'public' });
    expect(await read(person('u1', 'g2'), { cacheScope: 'public' })).toBe('t2');
  });

  test('keeps lists apart by authorization, by what the client can do and by how the upstream is defined', async () => {
    authorization = 'c1@1';
    await read(person(), { cacheScope: 'public' });
    authorization = 'c1@2';
    expect(await read(person(), { cacheScope: 'public' })).toBe('t2');
    expect(await read(person(), {}, { variant: 'sampling' })).toBe('t3');
    expect(await read(person(), {}, { upstream: upstreamOf('github', { url: 'http://other.test/' }) })).toBe(
      't4',
    );
    expect(await read(person(), {}, { cursor: 'next' })).toBe('t5');
    expect(await read(person(), {})).toBe('t2');
  });

  test('keeps no failure', async () => {
    await expect(
      catalog.page(
        { caller: person(), upstream: github, variant: '', listing: 'tools', cursor: undefined, use: 'show' },
        () => Promise.reject(new Error('down')),
      ),
    ).rejects.toThrow('down');
    expect(await read(person(), {})).toBe('t1');
  });

  test('does not keep a list that changed while it was on its way', async () => {
    const sought: Sought = {
      caller: person(),
      upstream: github,
      variant: '',
      listing: 'tools',
      cursor: undefined,
      use: 'show',
    };
    await catalog.page(sought, async () => (catalog.drop('g1', 'github'), { tools: [{ name: 'old' }] }));
    expect(await read(person(), {})).toBe('t1');
  });

  test('drops what one upstream of one group listed and nothing else', async () => {
    const other = upstreamOf('github-2');
    await read(person(), {});
    await read(person(), {}, { upstream: other });
    await read(person('u1', 'g2'), {});
    catalog.drop('g1', 'github');
    expect(await read(person(), {}, { upstream: other })).toBe('t2');
    expect(await read(person('u1', 'g2'), {})).toBe('t3');
    expect(catalog.known(person(), github, { listing: 'tools', name: 'github__t1' })).toBeUndefined();
    expect(await read(person(), {})).toBe('t4');
  });

  test('knows without waiting only what the person asked for', async () => {
    await read(person(), { ttlMs: 0 });
    expect(catalog.known(person(), github, { listing: 'tools', name: 'github__t1' })).toBe('t1');
    expect(catalog.known(person('u2'), github, { listing: 'tools', name: 'github__t1' })).toBeUndefined();
    expect(
      catalog.known(person('u1', 'g2'), github, { listing: 'tools', name: 'github__t1' }),
    ).toBeUndefined();
    expect(catalog.known(person(), github, { listing: 'prompts', name: 'github__t1' })).toBeUndefined();
    nowMs += 300_000;
    expect(catalog.known(person(), github, { listing: 'tools', name: 'github__t1' })).toBeUndefined();
  });

  test('says at once for five seconds that an upstream is not there, to the person it was not there for', async () => {
    const introduction = { listing: 'introduction' } as const;
    catalog.absent(person(), github, new Error('down'));
    await expect(read(person(), {}, introduction)).rejects.toThrow('down');
    expect(await read(person('u2'), {}, introduction)).toBe('t1');
    expect(await read(person(), {}, { ...introduction, use: Infinity })).toBe('t2');
    catalog.absent(person('u3'), github, new Error('down'));
    catalog.drop('g1', 'github');
    expect(await read(person('u3'), {}, introduction)).toBe('t3');
    catalog.absent(person('u4'), github, new Error('down'));
    nowMs += 5000;
    expect(await read(person('u4'), {}, introduction)).toBe('t4');
  });

  test('is bounded', async () => {
    const big = { blob: 'x'.repeat(2 * 1024 * 1024) };
    for (let at = 0; at < 40; at += 1) await read(person(`u${at}`), big);
    expect(await read(person('u39'), {})).toBe('t40');
    expect(await read(person('u0'), {})).toBe('t41');
  });
});
