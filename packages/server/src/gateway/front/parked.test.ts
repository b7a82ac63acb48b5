import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../../domain/fixtures/until.ts';
import { freshSealer, openModernRoom, post, type ModernRoom, type Read } from './fixtures/modern-room.ts';
import { scriptedTarget, type Happened } from './fixtures/scripted-target.ts';
import type { Values } from './target.ts';

let room: ModernRoom;
let happened: Happened;
let nowMs = Date.now();

async function open(limits = {}): Promise<void> {
  const scripted = scriptedTarget();
  happened = scripted.happened;
  room = await openModernRoom(scripted.openTarget, { limits, now: () => nowMs });
}

beforeEach(() => open());
afterEach(() => room.close());

const accept = (name: string) => ({ action: 'accept', content: { name } });
const call = (name: string, more: Values = {}) => ({ name, arguments: { of: 1 }, ...more });
const textOf = ({ result }: Read) =>
  JSON.parse((result['content'] as { text: string }[])[0]!.text) as unknown;

/** Answer every question of an `input_required` with the same. */
const answers = ({ result }: Read, answer: Values) => ({
  requestState: result.requestState,
  inputResponses: Object.fromEntries(Object.keys(result.inputRequests).map((key) => [key, answer])),
});

describe('a call whose upstream asks on the way', () => {
  test('is answered with the question, and goes on where it was with the answer', async () => {
    const asked = await post(room, 'tools/call', call('elicit'));
    expect(asked.result).toMatchObject({
      resultType: 'input_required',
      inputRequests: { 'input-1': { method: 'elicitation/create', params: { message: 'who are you?' } } },
      requestState: expect.any(String),
    });
    expect(room.modern.counts().parked).toBe(1);
    const done = await post(room, 'tools/call', call('elicit', answers(asked, accept('Ada'))));
    expect(textOf(done)).toEqual(accept('Ada'));
    expect(done.result['resultType']).toBe('complete');
    expect(happened.begun).toHaveLength(1);
    expect(room.modern.counts().parked).toBe(0);
    expect(room.lines.map(({ act }) => act)).toContain('mcp.answer');
  });

  test.each([
    ['visit', { action: 'accept' }, { mode: 'url', message: 'sign in', url: 'https://example.test/' }],
    [
      'sample',
      { role: 'assistant', content: { type: 'text', text: 'x' }, model: 'm' },
      { messages: [], maxTokens: 5 },
    ],
    ['roots', { roots: [{ uri: 'file:///a' }] }, undefined],
  ])('passes on what %s asks, in the form of the newer revision', async (tool, answer, params) => {
    const asked = await post(room, 'tools/call', call(tool));
    expect(asked.result.inputRequests['input-1']!['params']).toEqual(params);
    expect(textOf(await post(room, 'tools/call', call(tool, answers(asked, answer))))).toEqual(answer);
  });

  test('asks round after round, each with a state of its own', async () => {
    const first = await post(room, 'tools/call', call('twice'));
    const second = await post(room, 'tools/call', call('twice', answers(first, accept('a'))));
    expect(Object.keys(second.result.inputRequests)).toEqual(['input-2']);
    const done = await post(room, 'tools/call', call('twice', answers(second, accept('b'))));
    expect(textOf(done)).toEqual([accept('a'), accept('b')]);
    expect(happened.begun).toHaveLength(1);
  });

  test('asks several things at once, and again for what was left open', async () => {
    const asked = await post(room, 'tools/call', call('both'));
    expect(Object.keys(asked.result.inputRequests)).toEqual(['input-1', 'input-2']);
    const { requestState } = asked.result;
    const half = {
      requestState,
      inputResponses: { 'input-1': accept('a'), 'input-2': { method: 'x', result: {} } },
    };
    const again = await post(room, 'tools/call', call('both', half));
    expect(Object.keys(again.result.inputRequests)).toEqual(['input-2']);
    const done = await post(room, 'tools/call', call('both', answers(again, { roots: [] })));
    expect(textOf(done)).toEqual([accept('a'), { roots: [] }]);
  });

  test('asks nothing that the client did not declare, and is ended then', async () => {
    for (const [tool, capabilities, missing] of [
      ['visit', { elicitation: {} }, { elicitation: { url: {} } }],
      ['elicit', { elicitation: { url: {} } }, { elicitation: { form: {} } }],
      ['sample', { roots: {} }, { sampling: {} }],
    ] as const) {
      const { status, error } = await post(room, 'tools/call', call(tool), { capabilities });
      expect([status, error.code, error.data]).toEqual([400, -32021, { requiredCapabilities: missing }]);
    }
    expect(happened.aborted).toEqual(['visit', 'elicit', 'sample']);
    const first = await post(room, 'tools/call', call('twice'));
    const retry = call('twice', answers(first, accept('a')));
    const less = await post(room, 'tools/call', retry, { capabilities: { roots: {} } });
    expect([less.status, less.error.code]).toEqual([400, -32021]);
    expect(room.modern.counts().parked).toBe(0);
  });

  test('is not asked of a client that can be asked nothing', async () => {
    const { error } = await post(room, 'tools/call', call('elicit'), { capabilities: {} });
    expect(error.code).toBe(-32021);
  });

  test('that turns it down for an address is made again after the person was there', async () => {
    const asked = await post(room, 'tools/call', call('signIn'));
    expect(asked.result.inputRequests).toEqual({
      'input-1': {
        method: 'elicitation/create',
        params: { mode: 'url', message: 'sign in', url: 'https://example.test/in' },
      },
    });
    const declined = await post(room, 'tools/call', call('signIn', answers(asked, { action: 'decline' })));
    expect(declined.error.message).toContain('declined');
    expect(happened.begun).toHaveLength(1);
    await post(room, 'tools/call', call('signIn', answers(asked, { action: 'accept' })));
    expect(happened.begun).toHaveLength(2);
    const plain = await post(room, 'tools/call', call('signIn'), { capabilities: { roots: {} } });
    expect(plain.error.code).toBe(-32042);
  });
});

describe('a request state', () => {
  /** A retry that must be refused, run nothing, and leave the call where it is. */
  async function refuses(
    retry: Values,
    where: Parameters<typeof post>[3] = {},
    method = 'tools/call',
  ): Promise<void> {
    const begun = happened.begun.length;
    const { error } = await post(room, method, retry, where);
    expect([error.code, error.data]).toEqual([
      -32602,
      expect.objectContaining({ code: 'request_state_invalid' }),
    ]);
    expect(happened.begun).toHaveLength(begun);
    expect(room.modern.counts().parked).toBe(1);
  }

  test('is good for its own person, client, address, method and arguments alone', async () => {
    const asked = await post(room, 'tools/call', call('elicit'));
    const retry = answers(asked, accept('Eve'));
    await refuses(call('elicit', retry), { as: 'u2/c1' });
    await refuses(call('elicit', retry), { as: 'u1/c2' });
    await refuses(call('elicit', retry), { upstream: 'other' });
    await refuses({ ...call('elicit', retry), arguments: { of: 2 } });
    await refuses({ ...call('plain', retry) });
    await refuses(call('elicit', retry), {}, 'prompts/get');
    const other = { arguments: { of: 1 }, name: 'elicit', ...answers(asked, accept('Ada')) };
    expect(textOf(await post(room, 'tools/call', other))).toEqual(accept('Ada'));
  });

  test('that was changed, made up or left out is none', async () => {
    const asked = await post(room, 'tools/call', call('elicit'));
    const { requestState, inputResponses } = answers(asked, accept('Eve'));
    for (let at = 0; at < requestState.length; at += 7) {
      const flipped = requestState[at] === 'A' ? 'B' : 'A';
      const changed = requestState.slice(0, at) + flipped + requestState.slice(at + 1);
      await refuses(call('elicit', { requestState: changed, inputResponses }));
    }
    for (const made of [
      '',
      'x',
      'sgs_',
      requestState.slice('sgs_'.length),
      `${requestState}A`,
      7,
      null,
      'A'.repeat(900_000),
    ])
      await refuses(call('elicit', { requestState: made, inputResponses }));
    await refuses(call('elicit', { inputResponses }));
  });

  test('is good once, also when it is used many times at once', async () => {
    const asked = await post(room, 'tools/call', call('elicit'));
    const retry = call('elicit', answers(asked, accept('Ada')));
    const all = await Promise.all(Array.from({ length: 10 }, () => post(room, 'tools/call', retry)));
    expect(all.filter(({ error }) => error === undefined)).toHaveLength(1);
    expect(all.filter(({ error }) => error?.code === -32602)).toHaveLength(9);
    expect(happened.begun).toHaveLength(1);
  });

  test('of an earlier round is spent', async () => {
    const first = await post(room, 'tools/call', call('twice'));
    await post(room, 'tools/call', call('twice', answers(first, accept('a'))));
    await refuses(call('twice', answers(first, accept('replayed'))));
  });

  test('ends, and its call with it', async () => {
    await room.close();
    await open({ parkedSeconds: 0.1 });
    const asked = await post(room, 'tools/call', call('elicit'));
    await until(() => room.modern.counts().parked === 0);
    expect(happened.aborted).toEqual(['elicit']);
    const late = await post(room, 'tools/call', call('elicit', answers(asked, accept('late'))));
    expect(late.error).toMatchObject({ code: -32602, data: { code: 'request_state_invalid' } });
    nowMs += 1000;
    const later = await post(room, 'tools/call', call('elicit', answers(asked, accept('late'))));
    expect(later.error.message).toContain('waited too long');
    expect(happened.begun).toHaveLength(1);
  });

  test('of an upstream is sealed for the same request, and opens for it alone', async () => {
    const asked = await post(room, 'tools/call', call('own'));
    expect(JSON.stringify(asked.result)).not.toContain('"own"');
    const retry = answers(asked, { roots: [] });
    const done = await post(room, 'tools/call', call('own', retry));
    expect(textOf(done)).toEqual(['the upstream’s own', { mine: { roots: [] } }]);
    const stranger = await post(room, 'tools/call', call('own', retry), { as: 'u2/c1' });
    expect(stranger.error.code).toBe(-32602);
    const bare = call('own', { requestState: 'the upstream’s own', inputResponses: {} });
    expect((await post(room, 'tools/call', bare)).error.code).toBe(-32602);
    const unasked = await post(room, 'tools/call', call('own'), { capabilities: { sampling: {} } });
    expect([unasked.status, unasked.error.code]).toEqual([400, -32021]);
    nowMs += 3600_000;
    expect((await post(room, 'tools/call', call('own', retry))).error.code).toBe(-32602);
  });
});

describe('calls that wait', () => {
  test('are few per person: the one waiting for longest makes room, and nobody else’s', async () => {
    await room.close();
    await open({ parkedPerPersonMax: 2 });
    const others = await post(room, 'tools/call', call('elicit'), { as: 'u2/c1' });
    const own: Read[] = [];
    for (let at = 0; at < 3; at += 1) own.push(await post(room, 'tools/call', call('elicit')));
    expect(room.modern.counts().parked).toBe(3);
    await until(() => happened.aborted.length === 1);
    const retry = (read: Read, as: string) =>
      post(room, 'tools/call', call('elicit', answers(read, accept('x'))), { as });
    const ended = await Promise.all([...own.map((read) => retry(read, 'u1/c1')), retry(others, 'u2/c1')]);
    expect(ended.map(({ error }) => error?.code)).toEqual([-32602, undefined, undefined, undefined]);
  });

  test('are few in all', async () => {
    await room.close();
    await open({ parkedMax: 1 });
    await post(room, 'tools/call', call('elicit'));
    const { error } = await post(room, 'tools/call', call('elicit'), { as: 'u2/c1' });
    expect(error.data).toMatchObject({ code: 'overloaded' });
    await until(() => happened.aborted.length === 1);
  });

  test('end with the access of their person or client', async () => {
    await post(room, 'tools/call', call('elicit'));
    await post(room, 'tools/call', call('elicit'), { as: 'u1/c2' });
    await post(room, 'tools/call', call('elicit'), { as: 'u2/c1' });
    await room.modern.endOf({ tenant: 'g1', subject: 'u1', client: 'c2' });
    expect(room.modern.counts()).toMatchObject({ parked: 2, holders: 2 });
    await room.modern.endOf({ tenant: 'g1', subject: 'u1' });
    expect(room.modern.counts()).toMatchObject({ parked: 1, holders: 1 });
    expect(happened.aborted).toEqual(['elicit', 'elicit']);
  });

  test('are answered through any instance that can reach theirs, and clearly when it is gone', async () => {
    const sealer = await freshSealer();
    const scripted = scriptedTarget();
    const one = await openModernRoom(scripted.openTarget, { sealer });
    let dead = false;
    const owners = {
      self: 'two',
      pass: async (
        owner: string,
        passage: Parameters<ModernRoom['modern']['answer']>[0],
        request: Request,
      ) => {
        expect(owner).toBe('one');
        return dead ? ('dead' as const) : (await one.modern.answer(passage, request)).response;
      },
    };
    const two = await openModernRoom(scriptedTarget().openTarget, { sealer, owners });
    const first = await post(one, 'tools/call', call('twice'));
    const second = await post(two, 'tools/call', call('twice', answers(first, accept('a'))));
    const done = await post(two, 'tools/call', call('twice', answers(second, accept('b'))));
    expect(textOf(done)).toEqual([accept('a'), accept('b')]);
    const asked = await post(one, 'tools/call', call('elicit'));
    dead = true;
    const { error } = await post(two, 'tools/call', call('elicit', answers(asked, accept('x'))));
    expect([error.code, error.message]).toEqual([-32602, expect.stringContaining('gone')]);
    await Promise.all([one.close(), two.close()]);
  });
});
