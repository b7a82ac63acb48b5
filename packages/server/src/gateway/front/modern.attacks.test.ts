import { afterEach, describe, expect, test } from 'vitest';
import { until } from '../../domain/fixtures/until.ts';
import type { Values } from './target.ts';
import { everyCapability, openModernRoom, post, type ModernRoom } from './fixtures/modern-room.ts';
import { scriptedTarget } from './fixtures/scripted-target.ts';

// A hostile client of 2026-07-28 with an account of its own, a thief of one request state, and an upstream that floods.

let room: ModernRoom;
afterEach(() => room.close());

const call = (name: string, args: Values = {}, more: Values = {}) => ({ name, arguments: args, ...more });

describe('a hostile client', () => {
  test('that declares what is no capability is refused, or has none', async () => {
    const { openTarget } = scriptedTarget();
    room = await openModernRoom(openTarget);
    for (const capabilities of [null, 5, 'x', [], { elicitation: 'x' }, { __proto__: { elicitation: {} } }]) {
      const { error, result } = await post(room, 'tools/call', call('elicit'), {
        capabilities: capabilities as unknown as Values,
      });
      expect(result).toBeUndefined();
      expect(error.code).not.toBe(-32603);
    }
    expect(room.modern.counts().parked).toBe(0);
    expect(room.logged).toEqual([]);
  });

  test('gets no more conversations by declaring something else each time', async () => {
    const { openTarget, happened } = scriptedTarget();
    room = await openModernRoom(openTarget, { limits: { holdersPerPersonMax: 4 } });
    for (let at = 0; at < 60; at += 1) {
      const capabilities = { ...everyCapability, experimental: { [`x${at}`]: {} } };
      await post(room, 'tools/list', {}, { capabilities });
    }
    expect(room.modern.counts().holders).toBeLessThanOrEqual(4);
    const open = happened.conversations.length - happened.closed.length;
    expect(open).toBeLessThanOrEqual(4);
  });

  test('that comes and goes in a storm leaves no call, no seat and no stream', async () => {
    const { openTarget, happened } = scriptedTarget();
    room = await openModernRoom(openTarget);
    for (let wave = 0; wave < 5; wave += 1) {
      const stop = new AbortController();
      const storm = Array.from({ length: 20 }, (_, at) =>
        post(
          room,
          at % 2 === 0 ? 'tools/call' : 'subscriptions/listen',
          at % 2 === 0
            ? call(at % 4 === 0 ? 'hang' : 'elicit')
            : { notifications: { toolsListChanged: true, resourceSubscriptions: ['x://1'] } },
          { signal: stop.signal },
        ).catch(() => undefined),
      );
      await new Promise((resolve) => setTimeout(resolve, 30));
      stop.abort();
      await Promise.all(storm);
    }
    await until(() => room.modern.counts().listening === 0);
    await until(
      () =>
        happened.aborted.filter((tool) => tool === 'hang').length ===
        happened.begun.filter(({ tool }) => tool === 'hang').length,
    );
    expect(room.modern.counts().parked).toBeLessThanOrEqual(8);
    expect(room.modern.counts().holders).toBeLessThanOrEqual(16);
    await until(
      () =>
        happened.subscribed.filter((one) => one.startsWith('+')).length ===
        happened.subscribed.filter((one) => one.startsWith('-')).length,
    );
    const { result } = await post(room, 'tools/call', call('plain', { still: 'here' }));
    expect(JSON.stringify(result)).toContain('still');
  });

  test('watches no more than a hundred resources with one subscription, whatever it asks for', async () => {
    const { openTarget, happened } = scriptedTarget();
    room = await openModernRoom(openTarget);
    const stop = new AbortController();
    const resourceSubscriptions = [
      ...Array.from({ length: 10_000 }, (_, at) => `x://${at}`),
      null,
      { toString: 'x' },
    ];
    post(
      room,
      'subscriptions/listen',
      { notifications: { resourceSubscriptions } },
      { signal: stop.signal },
    ).catch(() => undefined);
    await until(() => happened.subscribed.length >= 100);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(happened.subscribed).toHaveLength(100);
    stop.abort();
    await until(() => happened.subscribed.length === 200);
  });

  test('answers nothing by answers that are none, and the call keeps asking', async () => {
    const { openTarget, happened } = scriptedTarget();
    room = await openModernRoom(openTarget);
    let { result } = await post(room, 'tools/call', call('elicit'));
    const [key = ''] = Object.keys(result.inputRequests);
    for (const inputResponses of [
      null,
      [],
      'x',
      { [key]: null },
      { [key]: [] },
      { [key]: { method: 'elicitation/create', result: { action: 'accept' } } },
      { __proto__: { [key]: { action: 'accept' } } },
      { constructor: { action: 'accept' }, other: { action: 'accept' } },
    ]) {
      const { requestState } = result;
      ({ result } = await post(
        room,
        'tools/call',
        call('elicit', {}, { requestState, inputResponses } as Values),
      ));
      expect(result['resultType']).toBe('input_required');
      expect(result.requestState).not.toBe(requestState);
    }
    expect(happened.begun).toHaveLength(1);
  });
});

describe('a thief of a request state', () => {
  test('of another person, client, or the same person at other arguments gets neither the call nor the answer', async () => {
    const { openTarget, happened } = scriptedTarget();
    room = await openModernRoom(openTarget);
    const { result } = await post(room, 'tools/call', call('elicit', { canary: 'of u1' }));
    const { requestState } = result;
    const inputResponses = Object.fromEntries(
      Object.keys(result.inputRequests).map((key) => [key, { action: 'accept', content: { name: 'thief' } }]),
    );
    const answered = { requestState, inputResponses };
    const tries = [
      [call('elicit', { canary: 'of u1' }, answered), { as: 'u2/c1' }],
      [call('elicit', { canary: 'of u1' }, answered), { as: 'u1/c2' }],
      [call('elicit', { canary: 'of u1' }, answered), { upstream: 'other' }],
      [call('elicit', { canary: 'of u2' }, answered), {}],
      [call('plain', { canary: 'of u1' }, answered), {}],
      [call('elicit', JSON.parse('{"canary":"of u1","__proto__":{"x":1}}') as Values, answered), {}],
      [call('elicit', { canary: 'of u1' }, { ...answered, requestState: `${requestState}A` }), {}],
      [call('elicit', { canary: 'of u1' }, { ...answered, requestState: requestState.toUpperCase() }), {}],
      [call('elicit', { canary: 'of u1' }, { ...answered, requestState: { toString: requestState } }), {}],
    ] as const;
    for (const [params, how] of tries) {
      const { error } = await post(room, 'tools/call', params as Values, how);
      expect(error.data).toMatchObject({ code: 'request_state_invalid' });
    }
    expect(room.modern.counts().parked).toBe(1);
    const own = call('elicit', { canary: 'of u1' }, { ...answered, inputResponses: {} });
    expect((await post(room, 'tools/call', own)).result['resultType']).toBe('input_required');
    expect(happened.begun).toHaveLength(1);
  });

  test('whose access was ended in between gets nothing, and the call has ended', async () => {
    const { openTarget, happened } = scriptedTarget();
    room = await openModernRoom(openTarget);
    const { result } = await post(room, 'tools/call', call('elicit'));
    const hanging = post(room, 'tools/call', call('hang'));
    await until(() => happened.begun.length === 2);
    await room.modern.endOf({ tenant: 'g1', subject: 'u1' });
    const { error } = await post(
      room,
      'tools/call',
      call('elicit', {}, { requestState: result.requestState }),
    );
    expect(error.data).toMatchObject({ code: 'request_state_invalid' });
    await hanging;
    expect(happened.aborted.toSorted()).toEqual(['elicit', 'hang']);
    expect(room.modern.counts()).toEqual({ parked: 0, listening: 0, holders: 0 });
  });
});

describe('a hostile upstream', () => {
  test('asks a call a few things at once, and the rest is refused', async () => {
    const refused: unknown[] = [];
    room = await openModernRoom(() => (conversation) => ({
      introduce: async () => ({ capabilities: { tools: {} }, serverInfo: { name: 'evil', version: '1' } }),
      async request({ signal }) {
        const all = Array.from({ length: 5000 }, () =>
          conversation.ask({ method: 'roots/list', params: undefined, signal }).catch((error: unknown) => {
            refused.push(error);
            return {};
          }),
        );
        await Promise.all(all);
        return { content: [] };
      },
      notify: async () => undefined,
      resumption: () => undefined,
      rest: () => undefined,
      leave: async () => undefined,
      close: async () => undefined,
    }));
    const { result } = await post(room, 'tools/call', call('any'));
    expect(Object.keys(result.inputRequests)).toHaveLength(16);
    expect(refused).toHaveLength(4984);
  });

  test.each([
    ['nothing', null],
    ['a text', 'x'],
    ['a question that is none', { resultType: 'input_required', inputRequests: { a: null } }],
    ['questions in a row', { resultType: 'input_required', inputRequests: [null, 5] }],
    ['a state that is none', { resultType: 'input_required', requestState: { a: 1 }, inputRequests: {} }],
    [
      'a state of a megabyte',
      { resultType: 'input_required', requestState: 'x'.repeat(1_000_000), inputRequests: {} },
    ],
    ['a type that is none', { resultType: { toString: 'x' }, content: [] }],
    ['a prototype', JSON.parse('{"__proto__":{"resultType":"input_required"},"content":[]}')],
  ])('that answers with %s harms that answer alone', async (_, answer) => {
    room = await openModernRoom(() => () => ({
      introduce: async () => ({ capabilities: { tools: {} }, serverInfo: { name: 'evil', version: '1' } }),
      request: async ({ method }) => (method === 'tools/list' ? { tools: [] } : answer),
      notify: async () => undefined,
      resumption: () => undefined,
      rest: () => undefined,
      leave: async () => undefined,
      close: async () => undefined,
    }));
    const came = await post(room, 'tools/call', call('any'));
    expect(came.result ?? came.error).toBeDefined();
    expect((await post(room, 'tools/list')).result['tools']).toEqual([]);
  });
});
