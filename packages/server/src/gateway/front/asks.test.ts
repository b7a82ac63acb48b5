import { afterEach, describe, expect, test } from 'vitest';
import { until } from '../../domain/fixtures/until.ts';
import {
  follow,
  initialize,
  resultOf,
  rpc,
  type Listening,
  type Message,
} from './fixtures/session-client.ts';
import { openStage, type Opened, type Stage, type StageOptions } from './fixtures/session-stage.ts';

let stage: Stage;
afterEach(() => stage.close());

const a = '/mcp/a';
const able = { sampling: {}, elicitation: { form: {}, url: {} }, roots: {} };
const elicit = {
  method: 'elicitation/create',
  params: { message: 'name?', requestedSchema: { type: 'object' } },
};

/** A tool that asks its client, and answers with what the client said. */
const asking: NonNullable<StageOptions['answers']> = {
  'tools/call': async ({ conversation }, { params, signal }) => {
    const asked = (params?.['asked'] ?? elicit) as typeof elicit;
    return { got: await conversation.ask({ ...asked, signal }) };
  },
};

async function url(options: StageOptions = { answers: asking }): Promise<string> {
  stage = openStage(options);
  return (await stage.start()).url(a);
}

const question = async (stream: Listening): Promise<Message> => {
  await until(() => stream.messages().some(({ method, id }) => method !== undefined && id !== undefined));
  return stream.messages().find(({ method, id }) => method !== undefined && id !== undefined)!;
};
const withdrawn = (stream: Listening): readonly Message[] =>
  stream.messages().filter(({ method }) => method === 'notifications/cancelled');
const answer = (id: unknown, result: object = { action: 'accept' }): object => ({
  jsonrpc: '2.0',
  id,
  result,
});

/** Ask outside of any request; the outcome as text. */
function ask(
  target: Opened,
  asked: { method: string; params?: object } = elicit,
  signal?: AbortSignal,
): Promise<string> {
  const never = new AbortController().signal;
  return target.conversation
    .ask({
      method: asked.method,
      params: asked.params as Record<string, unknown> | undefined,
      signal: signal ?? never,
    })
    .then(
      JSON.stringify,
      (error: Error & { code?: unknown }) => `${error.name} ${String(error.code)} ${error.message}`,
    );
}

describe('a question of an upstream', () => {
  test('comes on the stream of the request it belongs to, and the answer goes back to it', async () => {
    const session = await initialize(await url(), { capabilities: able });
    const standing = follow(await session.listen());
    const call = follow(await session.post(rpc('tools/call')));
    const { id, params } = await question(call);
    expect(params).toEqual(elicit.params);
    expect((await session.post(answer(id, { action: 'accept', content: { name: 'x' } }))).status).toBe(202);
    await call.ended;
    expect(call.messages().at(-1)!.result).toEqual({ got: { action: 'accept', content: { name: 'x' } } });
    expect(standing.messages()).toEqual([]);
  });

  test('comes on the standing stream when no request is under way', async () => {
    const session = await initialize(await url(), { capabilities: able });
    const standing = follow(await session.listen());
    const asked = ask(stage.opened[0]!);
    await session.post(answer((await question(standing)).id));
    expect(await asked).toBe('{"action":"accept"}');
  });

  test('waits until somebody listens', async () => {
    const session = await initialize(await url(), { capabilities: able });
    const asked = ask(stage.opened[0]!, { method: 'roots/list' });
    await new Promise((resolve) => setTimeout(resolve, 50));
    const standing = follow(await session.listen());
    await session.post(answer((await question(standing)).id, { roots: [] }));
    expect(await asked).toBe('{"roots":[]}');
  });

  test('is not put to a client that did not declare what it needs', async () => {
    const where = await url();
    const url_ = {
      method: 'elicitation/create',
      params: { mode: 'url', url: 'https://x', elicitationId: '1' },
    };
    const tools = { method: 'sampling/createMessage', params: { tools: [] } };
    const [form, plain] = [elicit, { method: 'sampling/createMessage', params: {} }];
    const cases: [object, { method: string; params?: object }, boolean][] = [
      [{}, form, false],
      [{}, plain, false],
      [{}, { method: 'roots/list' }, false],
      [{ sampling: {} }, plain, true],
      [{ sampling: {} }, tools, false],
      [{ sampling: { tools: {} } }, tools, true],
      [{ elicitation: {} }, form, true],
      [{ elicitation: {} }, url_, false],
      [{ elicitation: { url: {} } }, form, false],
      [{ elicitation: { url: {} } }, url_, true],
      [able, { method: 'example/unknown' }, false],
      [able, { method: 'tasks/get' }, false],
    ];
    for (const [capabilities, asked, isAsked] of cases) {
      const session = await initialize(where, { capabilities });
      const standing = follow(await session.listen());
      const asking_ = ask(stage.opened.at(-1)!, asked);
      if (isAsked) await session.post(answer((await question(standing)).id));
      expect(await asking_).toMatch(isAsked ? /accept/ : /ProtocolError -32601/);
      await session.end();
      await standing.ended;
      expect(standing.messages()).toHaveLength(isAsked ? 1 : 0);
    }
  });

  test('is answered by the session that was asked, and by no other', async () => {
    const where = await url();
    const own = await initialize(where, { capabilities: able });
    const call = follow(await own.post(rpc('tools/call')));
    const { id } = await question(call);
    for (const who of ['u1', 'u2', 'u1/other']) {
      const other = await initialize(where, { capabilities: able, who });
      expect((await other.post(answer(id, { action: 'injected' }))).status).toBe(202);
    }
    for (const who of ['u2', 'u1/other']) {
      const forged = own.at(where, { authorization: `Bearer ${who}` });
      expect((await forged.post(answer(id, { action: 'injected' }))).status).toBe(404);
    }
    await own.post(answer(id, { action: 'own' }));
    await call.ended;
    expect(call.messages().at(-1)!.result).toEqual({ got: { action: 'own' } });
  });

  test('is not answered by a guess, nor twice', async () => {
    const where = await url();
    const own = await initialize(where, { capabilities: able });
    const call = follow(await own.post(rpc('tools/call')));
    const { id } = await question(call);
    for (const guess of [1, 0, '1', null, 'undefined']) await own.post(answer(guess, { action: 'guessed' }));
    await own.post(answer(id, { action: 'first' }));
    await own.post(answer(id, { action: 'second' }));
    await call.ended;
    expect(call.messages().at(-1)!.result).toEqual({ got: { action: 'first' } });
  });

  test("tells the upstream the client's own error", async () => {
    const session = await initialize(await url(), { capabilities: able });
    const call = follow(await session.post(rpc('tools/call')));
    const { id } = await question(call);
    await session.post({ jsonrpc: '2.0', id, error: { code: -1, message: 'rejected', data: { a: 1 } } });
    await call.ended;
    expect(call.messages().at(-1)!.error).toEqual({ code: -1, message: 'rejected', data: { a: 1 } });
  });

  test('fails clearly when its session ends', async () => {
    const session = await initialize(await url(), { capabilities: able });
    follow(await session.listen());
    const asked = ask(stage.opened[0]!);
    await session.end();
    expect(await asked).toMatch(/^AbortError .*session.*ended/);
  });

  test('is withdrawn, and the client told, when nobody waits', async () => {
    const session = await initialize(await url(), { capabilities: able });
    const standing = follow(await session.listen());
    const stop = new AbortController();
    const asked = ask(stage.opened[0]!, elicit, stop.signal);
    const first = await question(standing);
    stop.abort();
    expect(await asked).toMatch(/^AbortError/);
    await until(() => withdrawn(standing).length === 1);
    expect(withdrawn(standing)[0]!.params?.requestId).toBe(first.id);
  });

  test('is withdrawn, and the client told, when it takes too long', async () => {
    const session = await initialize(await url({ limits: { askSeconds: 0.2 } }), { capabilities: able });
    const standing = follow(await session.listen());
    expect(await ask(stage.opened[0]!)).toMatch(/-32603 the client did not answer in time/);
    await until(() => withdrawn(standing).length === 1);
  });

  test('is one of a bounded number', async () => {
    const session = await initialize(await url({ limits: { asksMax: 3 } }), { capabilities: able });
    const asked = Array.from({ length: 4 }, () => ask(stage.opened[0]!));
    expect(await asked[3]).toMatch(/overloaded/);
    await session.end();
    await Promise.all(asked);
  });

  test('survives a stream that broke before it arrived', async () => {
    const session = await initialize(await url(), { capabilities: able });
    const call = follow(await session.post(rpc('tools/call')));
    await question(call);
    call.drop();
    const again = follow(await session.listen(call.events[0]!.id));
    await session.post(answer((await question(again)).id));
    await again.ended;
    expect(again.messages().at(-1)!.result).toEqual({ got: { action: 'accept' } });
  });
});

test('two people whose upstreams ask at once hear their own questions alone', async () => {
  const where = await url();
  const people = await Promise.all(
    ['u1', 'u2']
      .flatMap((who) => [who, who])
      .map(async (who) => ({ who, session: await initialize(where, { who, capabilities: able }) })),
  );
  const heard: string[] = [];
  const turn = async ({ who, session }: (typeof people)[number], n: number): Promise<void> => {
    const canary = `${who}-${n}`;
    const asked = { method: 'elicitation/create', params: { message: canary } };
    const stream = follow(await session.post(rpc('tools/call', { asked }, canary)));
    const { id, params } = await question(stream);
    heard.push(`${who} heard ${params?.message}`);
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 5));
    await session.post(answer(id, { action: canary }));
    await stream.ended;
    expect(stream.messages().at(-1)!.result).toEqual({ got: { action: canary } });
  };
  for (let n = 0; n < 50; n += 1) await Promise.all(people.map((one, at) => turn(one, n * 10 + at)));
  expect(heard).toHaveLength(200);
  for (const line of heard) expect(line).toMatch(/^(u\d) heard \1-/);
});

test('the target sees what the client declared, and a name that is not the session id', async () => {
  const where = await url();
  const sessions = [await initialize(where, { capabilities: able }), await initialize(where)];
  expect(stage.opened.map(({ conversation }) => conversation.capabilities)).toEqual([able, {}]);
  const holders = stage.opened.map(({ conversation }) => conversation.holder);
  expect(new Set([...holders, ...sessions.map(({ headers }) => headers['mcp-session-id'])]).size).toBe(4);
  expect((await resultOf(await sessions[0]!.post(rpc('ping')))).result).toEqual({});
});
