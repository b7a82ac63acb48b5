import { ProtocolError } from '@modelcontextprotocol/client';
import { describe, expect, test } from 'vitest';
import { refuse } from '../../errors.ts';
import {
  ask,
  conversationOf,
  of,
  openStage,
  person,
  upstreamOf,
  withTools,
  type Script,
} from './fixtures/parts.ts';

/** Pages of one tool each, by cursor `1`, `2` … */
function paged(count: number): Script {
  return {
    answers: {
      'tools/list': (params) => {
        const at = Number(params?.['cursor'] ?? 0);
        return { tools: [{ name: `t${at}` }], ...(at + 1 < count ? { nextCursor: String(at + 1) } : {}) };
      },
    },
  };
}

const never = (): Promise<never> => new Promise(() => undefined);

describe('a list of all upstreams', () => {
  test('has our own tools first, then each upstream by name in its own order', async () => {
    const own = { list: () => [{ name: 'stores.list' }], call: async () => ({}) };
    const stage = openStage(
      { zoo: { answers: withTools('zoo', 'b', 'a') }, ant: { answers: withTools('ant', 'z', 'b') } },
      { own },
    );
    const listed = await ask(stage.open(conversationOf()), 'tools/list');
    expect(of(listed, 'tools')).toEqual(['stores.list', 'ant__z', 'ant__b', 'zoo__b', 'zoo__a']);
    expect(listed['nextCursor']).toBeUndefined();
  });

  test('leaves everything but the names as the upstream wrote it', async () => {
    const tool = {
      name: 'page',
      title: 'Page',
      icons: [{ src: 'data:,' }],
      _meta: { ui: { resourceUri: 'ui://page' }, x: [1, null] },
    };
    const resource = { uri: 'ui://page', name: 'page', _meta: { k: 1 } };
    const stage = openStage({
      a: {
        answers: {
          'tools/list': () => ({ tools: [tool] }),
          'resources/list': () => ({ resources: [resource] }),
        },
      },
    });
    const target = stage.open(conversationOf());
    expect((await ask(target, 'tools/list'))['tools']).toEqual([{ ...tool, name: 'a__page' }]);
    expect((await ask(target, 'resources/list'))['resources']).toEqual([resource]);
    expect((await ask(target, 'prompts/list'))['prompts']).toEqual([]);
  });

  test('is paged through every upstream, each item once', async () => {
    const stage = openStage({ a: paged(3), b: { answers: withTools('b', 'x') }, c: paged(2) });
    const target = stage.open(conversationOf());
    const names: unknown[] = [];
    let cursor: unknown;
    do {
      const page = await ask(target, 'tools/list', cursor === undefined ? undefined : { cursor });
      names.push(...of(page, 'tools'));
      cursor = page['nextCursor'];
    } while (cursor !== undefined);
    expect(names).toEqual(['a__t0', 'a__t1', 'a__t2', 'b__x', 'c__t0', 'c__t1']);
  });

  test('goes on where it was when the upstream it stood at is gone', async () => {
    const stage = openStage({ a: paged(3), b: { answers: withTools('b', 'x') } });
    const target = stage.open(conversationOf());
    const { nextCursor } = await ask(target, 'tools/list');
    stage.upstreams = stage.upstreams.filter(({ name }) => name === 'b');
    expect(of(await ask(target, 'tools/list', { cursor: nextCursor }), 'tools')).toEqual(['b__x']);
  });

  test('is not held up by an upstream whose list has no end', async () => {
    const stage = openStage({ a: paged(Infinity), b: { answers: withTools('b', 'x') } });
    const target = stage.open(conversationOf());
    const names: unknown[] = [];
    let page = await ask(target, 'tools/list');
    for (
      ;
      page['nextCursor'] !== undefined;
      page = await ask(target, 'tools/list', { cursor: page['nextCursor'] })
    )
      names.push(...of(page, 'tools'));
    names.push(...of(page, 'tools'));
    expect(names).toHaveLength(65);
    expect(names.at(-1)).toBe('b__x');
    expect(page['_meta']).toMatchObject({ 'io.sealgate/partial': [{ upstream: 'a' }] });
  });

  test('takes no cursor that was given to somebody else, or for another list', async () => {
    const stage = openStage({ a: paged(3) });
    const { nextCursor: cursor } = await ask(stage.open(conversationOf()), 'tools/list');
    const invalid = expect.objectContaining({ code: -32_602 });
    await expect(ask(stage.open(conversationOf(person('u2'))), 'tools/list', { cursor })).rejects.toEqual(
      invalid,
    );
    await expect(ask(stage.open(conversationOf()), 'prompts/list', { cursor })).rejects.toEqual(invalid);
    await expect(ask(stage.open(conversationOf()), 'tools/list', { cursor: '1' })).rejects.toEqual(invalid);
  });

  test('says which upstreams are missing, and why, and keeps nothing of that', async () => {
    let down = true;
    const stage = openStage({
      dead: { introduction: () => Promise.reject(refuse('upstream_unavailable', 'upstream "dead" is down')) },
      odd: {
        answers: {
          'tools/list': () => {
            throw new ProtocolError(-32_050, 'not today');
          },
        },
      },
      ok: { answers: withTools('ok', 'x') },
      slow: { answers: { 'tools/list': () => (down ? never() : { tools: [{ name: 'late' }] }) } },
    });
    const conversation = conversationOf();
    const target = stage.open(conversation);
    const listed = await ask(target, 'tools/list');
    expect(of(listed, 'tools')).toEqual(['ok__x']);
    const partial = [
      { upstream: 'dead', code: 'upstream_unavailable', message: 'upstream "dead" is down' },
      { upstream: 'odd', code: '-32050', message: 'not today' },
      { upstream: 'slow', code: 'upstream_timeout', message: 'upstream "slow" did not answer in time' },
    ];
    expect(listed['_meta']).toEqual({ 'io.sealgate/partial': partial });
    const warnings = () =>
      conversation.heard
        .filter(({ method }) => method === 'notifications/message')
        .map(({ params }) => params?.['data']);
    expect(warnings()).toEqual(partial);
    down = false;
    const again = await ask(target, 'tools/list');
    expect(of(again, 'tools')).toEqual(['ok__x', 'slow__late']);
    expect(warnings()).toHaveLength(3);
  });

  test('says to a client of 2026-07-28 how long it holds, and that it is this person’s', async () => {
    const stage = openStage({
      a: { answers: { 'tools/list': () => ({ tools: [], ttlMs: 7000, cacheScope: 'public' }) } },
      b: { answers: withTools('b', 'x') },
    });
    expect(await ask(stage.open(conversationOf(person(), 'modern')), 'tools/list')).toMatchObject({
      ttlMs: 7000,
      cacheScope: 'private',
    });
    stage.upstreams.push(upstreamOf('gone'));
    const broken = openStage({ a: { introduction: () => Promise.reject(new Error('secret place')) } });
    const partial = await ask(broken.open(conversationOf(person(), 'modern')), 'tools/list');
    expect(partial).toMatchObject({ ttlMs: 0 });
    expect(JSON.stringify(partial)).not.toContain('secret');
  });

  test('ends when the client goes', async () => {
    const stage = openStage({ a: { answers: { 'tools/list': never } } });
    const gone = new AbortController();
    const listing = ask(stage.open(conversationOf()), 'tools/list', undefined, { signal: gone.signal });
    gone.abort();
    await expect(listing).rejects.toMatchObject({ name: 'AbortError' });
  });

  test('is asked of an upstream once in five minutes, and again when its lists, its definition or the connection change', async () => {
    const stage = openStage({ a: { answers: withTools('a', 'x') } });
    stage.upstreams = [upstreamOf('a', { credential: { in: 'header', name: 'x', prefix: '' } as never })];
    const conversation = conversationOf();
    const target = stage.open(conversation);
    const asked = async (): Promise<number> => {
      await ask(target, 'tools/list');
      return stage.sent.filter((sent) => sent === 'a tools/list').length;
    };
    expect([await asked(), await asked()]).toEqual([1, 1]);
    stage.by.get('a')![0]!.hear({ method: 'notifications/tools/list_changed' });
    expect([await asked(), await asked()]).toEqual([2, 2]);
    stage.epoch = 2;
    expect([await asked(), await asked()]).toEqual([3, 3]);
    stage.changed('a');
    expect([await asked(), await asked()]).toEqual([4, 4]);
    stage.nowMs += 300_000;
    expect([await asked(), await asked()]).toEqual([5, 5]);
  });
});

describe('two people', () => {
  test('never see each other’s lists, and share those that are public', async () => {
    const stage = openStage({
      hers: { answers: { 'tools/list': (_, by) => ({ tools: [{ name: `for-${by.caller.subject}` }] }) } },
      ours: {
        answers: {
          'tools/list': (_, by) => ({ tools: [{ name: `for-${by.caller.subject}` }], cacheScope: 'public' }),
        },
      },
    });
    const lists = async (subject: string) =>
      of(await ask(stage.open(conversationOf(person(subject))), 'tools/list'), 'tools');
    for (let round = 0; round < 3; round += 1) {
      expect(await lists('ann')).toEqual(['hers__for-ann', 'ours__for-ann']);
      expect(await lists('bob')).toEqual(['hers__for-bob', 'ours__for-ann']);
    }
    expect(stage.sent.filter((sent) => sent === 'ours tools/list')).toHaveLength(1);
    expect(of(await ask(stage.open(conversationOf(person('ann', 'g2'))), 'tools/list'), 'tools')).toEqual([]);
  });
});
