import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../../domain/fixtures/until.ts';
import { openStage, type Stage } from './fixtures/stage.ts';
import { http, startConformance } from './fixtures/upstreams.ts';

// Links to HTTP upstreams, in the era of the conversation and across eras.

const asking = { sampling: {}, elicitation: { form: {} }, roots: {} };
const accept = async () => ({ action: 'accept', content: { username: 'ann', email: 'ann@example.test' } });

let legacy: Awaited<ReturnType<typeof startConformance>>;
let modern: Awaited<ReturnType<typeof startConformance>>;
let both: Awaited<ReturnType<typeof startConformance>>;
let stage: Stage;
beforeAll(async () => {
  [legacy, modern, both] = await Promise.all([
    startConformance('legacy'),
    startConformance('modern'),
    startConformance('both'),
  ]);
});
afterAll(() => Promise.all([legacy.close(), modern.close(), both.close()]));
afterEach(() => stage.close());

describe('the eras of an upstream', () => {
  test('are found out, remembered, and doubted', async () => {
    let nowMs = Date.now();
    stage = openStage({}, () => nowMs);
    for (const [url, eras] of [
      [legacy.url, { legacy: true, modern: false }],
      [modern.url, { legacy: false, modern: true }],
      [both.url, { legacy: true, modern: true }],
    ] as const) {
      const upstream = http(url);
      expect(stage.verdicts.known('g1', upstream)).toBeUndefined();
      await stage.talk(upstream).request('tools/list');
      expect(stage.verdicts.known('g1', upstream)).toMatchObject(eras);
    }
    nowMs += 61_000;
    await stage.verdicts.doubt('g1', http(both.url));
    expect(stage.verdicts.known('g1', http(both.url))).toBeUndefined();
  });

  test('are not judged by a broken server', async () => {
    stage = openStage();
    const upstream = http('http://127.0.0.1:1/mcp');
    await expect(stage.talk(upstream).request('tools/list')).rejects.toMatchObject({
      code: 'upstream_unavailable',
    });
    expect(stage.verdicts.known('g1', upstream)).toBeUndefined();
  });
});

describe.each([
  ['legacy', 'legacy'],
  ['legacy', 'modern'],
  ['modern', 'legacy'],
  ['modern', 'modern'],
] as const)('a %s conversation with a %s upstream', (era, upstreamEra) => {
  const url = () => (upstreamEra === 'legacy' ? legacy.url : modern.url);

  test('has its tools, resources, prompts and completions, and its errors', async () => {
    stage = openStage();
    const talk = stage.talk(http(url()), { era });
    expect(
      await talk.target.introduce({ ...(await import('./fixtures/stage.ts')).contextOf('ann') }),
    ).toMatchObject({ capabilities: { tools: {} } });
    expect(await talk.text('test_simple_text')).toBe('This is a simple text response for testing.');
    expect(await talk.request('resources/read', { uri: 'test://static-text' })).toMatchObject({
      contents: [{ uri: 'test://static-text' }],
    });
    expect(await talk.request('prompts/get', { name: 'test_simple_prompt' })).toHaveProperty('messages');
    await expect(talk.request('resources/read', { uri: 'test://nowhere' })).rejects.toMatchObject({
      code: expect.any(Number) as number,
    });
    await expect(talk.request('no/such', {})).rejects.toMatchObject({ code: -32601 });
  });

  test('hears the progress of its own requests', async () => {
    stage = openStage();
    const talk = stage.talk(http(url()), { era });
    const progress: unknown[] = [];
    await talk.request(
      'tools/call',
      { name: 'test_tool_with_progress', arguments: {} },
      { onProgress: (step) => progress.push(step['progress']) },
    );
    expect(progress).toEqual([0, 50, 100]);
  });

  test('has one entry for each request that goes out', async () => {
    stage = openStage();
    const talk = stage.talk(http(url()), { era });
    await talk.text('test_simple_text');
    const calls = () => stage.lines.filter(({ act }) => act === 'tool.call');
    const outcomes = () => stage.lines.filter(({ cause }) => calls().some(({ id }) => id === cause));
    await until(() => outcomes().length === 1);
    expect([...calls(), ...outcomes()]).toMatchObject([
      { act: 'tool.call', req: { method: 'tools/call', tool: 'test_simple_text' } },
      { out: 'success' },
    ]);
  });
});

test('what a legacy upstream asks reaches the conversation that has the session', async () => {
  stage = openStage();
  const ann = stage.talk(http(legacy.url), { holder: 'h1', capabilities: asking, answer: accept });
  const bob = stage.talk(http(legacy.url), {
    subject: 'bob',
    holder: 'h2',
    capabilities: asking,
    answer: accept,
  });
  await bob.text('test_simple_text');
  expect(await ann.text('test_elicitation', { message: 'who?' })).toContain('ann@example.test');
  expect(ann.asked).toHaveLength(1);
  expect(bob.asked).toEqual([]);
});

test.each([
  ['legacy', () => legacy.url],
  ['modern', () => modern.url],
] as const)(
  'a call to a %s upstream waits for the client that is asked, however short its time',
  async (_, url) => {
    stage = openStage({ callSeconds: 3 });
    const slowly = async () => {
      await new Promise((resolve) => setTimeout(resolve, 4000));
      return accept();
    };
    const talk = stage.talk(http(url()), { holder: 'h1', capabilities: asking, answer: slowly });
    const name = url() === legacy.url ? 'test_elicitation' : 'test_input_required_result_elicitation';
    await talk.request('tools/call', { name, arguments: { message: 'who?' } });
    expect(talk.asked).toHaveLength(1);
  },
);

test('what was not declared is not asked', async () => {
  stage = openStage();
  const talk = stage.talk(http(legacy.url), { holder: 'h1', capabilities: {}, answer: accept });
  await talk
    .request('tools/call', { name: 'test_elicitation', arguments: { message: 'x' } })
    .catch(() => undefined);
  expect(talk.asked).toEqual([]);
});

test('input that a modern upstream requires is asked of a legacy client, and is its own answer in a modern one', async () => {
  stage = openStage();
  const old = stage.talk(http(modern.url), { holder: 'h1', capabilities: asking, answer: accept });
  const call = { name: 'test_input_required_result_elicitation', arguments: {} };
  const settled = await old.request('tools/call', call);
  expect(settled).not.toHaveProperty('resultType');
  expect(old.asked).toHaveLength(1);
  const young = stage.talk(http(modern.url), { era: 'modern', holder: 'h2', capabilities: asking });
  expect(await young.request('tools/call', call)).toMatchObject({ resultType: 'input_required' });
});

test('a session is ended with its conversation, and one that was lost is opened anew', async () => {
  stage = openStage();
  const talk = stage.talk(http(legacy.url), { holder: 'h1', capabilities: asking });
  await talk.text('test_simple_text');
  const resumed = talk.target.resumption()!;
  expect(resumed).toHaveProperty('sessionId');
  const elsewhere = stage.talk(http(legacy.url), { holder: 'h2', capabilities: asking, resumed });
  const before = stage.lines.filter(({ act }) => act === 'session.open').length;
  await elsewhere.text('test_simple_text');
  expect(stage.lines.filter(({ act }) => act === 'session.open')).toHaveLength(before);
  await talk.target.close();
  // A call that meets the end of the session on its way is broken off; this one comes after it.
  const closing = stage.lines.find(({ act }) => act === 'session.close');
  await until(() => closing !== undefined && stage.lines.some(({ cause }) => cause === closing.id));
  expect(await elsewhere.text('test_simple_text')).toContain('simple text');
  expect(stage.lines.filter(({ act }) => act === 'session.open')).toHaveLength(before + 1);
});

test('a cancelled request ends at once', async () => {
  stage = openStage();
  const talk = stage.talk(http(legacy.url), {
    holder: 'h1',
    capabilities: asking,
    answer: () => new Promise(() => undefined),
  });
  const cancel = new AbortController();
  const call = { name: 'test_elicitation', arguments: { message: 'x' } };
  const answered = talk.request('tools/call', call, { signal: cancel.signal });
  await until(() => talk.asked.length === 1);
  cancel.abort();
  await expect(answered).rejects.toThrow(/cancelled/);
});

test('a changed credential ends the sessions of the person it belongs to, and a removed one lets nobody in', async () => {
  stage = openStage();
  const upstream = http(legacy.url, 'web', {
    credential: { in: 'header', name: 'authorization', prefix: 'Bearer ' } as never,
  });
  const talk = stage.talk(upstream, { holder: 'h1' });
  await expect(talk.text('test_simple_text')).rejects.toMatchObject({ code: 'credential_missing' });
  stage.setCredential('web', 'ann', 'k1');
  await talk.text('test_simple_text');
  expect(stage.links.count().sessions).toBe(1);
  stage.setCredential('web', 'ann', undefined);
  expect(stage.links.count().sessions).toBe(0);
  await expect(talk.text('test_simple_text')).rejects.toMatchObject({ code: 'credential_missing' });
});

test('a subscription is told to those who asked for it', async () => {
  stage = openStage();
  for (const [url, era] of [
    [legacy.url, 'legacy'],
    [modern.url, 'modern'],
  ] as const) {
    const talk = stage.talk(http(url, era), { era: 'legacy' });
    await talk.request('resources/subscribe', { uri: 'test://watched-resource' });
    await talk.request('resources/unsubscribe', { uri: 'test://watched-resource' });
    await talk.target.close();
  }
});
