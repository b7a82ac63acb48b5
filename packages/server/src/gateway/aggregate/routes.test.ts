import { ProtocolError } from '@modelcontextprotocol/client';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { refuse } from '../../errors.ts';
import { ask, conversationOf, of, openStage, person, withTools, type Script } from './fixtures/parts.ts';
import { publicName } from './names.ts';

const unknown = expect.objectContaining({ code: -32_602 });

/** An upstream that holds these addresses, and knows some more that it does not list. */
function holding(
  name: string,
  uris: readonly string[],
  hidden: readonly string[] = [],
  templates: readonly string[] = [],
): Script {
  return {
    answers: {
      'resources/list': () => ({ resources: uris.map((uri) => ({ uri, name: uri })) }),
      'resources/templates/list': () => ({
        resourceTemplates: templates.map((uriTemplate) => ({ uriTemplate, name: uriTemplate })),
      }),
      'resources/read': (params) => {
        const uri = String(params?.['uri']);
        if ([...uris, ...hidden].includes(uri) || templates.length > 0) return { from: name };
        throw new ProtocolError(-32_002, 'no such thing');
      },
      'resources/subscribe': () => ({ from: name }),
      'completion/complete': (params) => ({ from: name, ref: params?.['ref'] }),
    },
  };
}

describe('a call', () => {
  test('reaches the upstream by its own name, with everything else untouched', async () => {
    const long = 'x'.repeat(100);
    const params: unknown[] = [];
    const stage = openStage({
      a: {
        answers: {
          ...withTools('a', 'echo', long),
          'tools/call': (given) => (params.push(given), { ok: 1 }),
        },
      },
    });
    const target = stage.open(conversationOf());
    for (const name of ['echo', long])
      await ask(target, 'tools/call', {
        name: publicName('a', name),
        arguments: { name: 'n' },
        _meta: { k: 1 },
        requestState: 's',
      });
    expect(params).toEqual(
      ['echo', long].map((name) => ({ name, arguments: { name: 'n' }, _meta: { k: 1 }, requestState: 's' })),
    );
  });

  test('of a tool that nobody lists is refused, even where the upstream would take it', async () => {
    const stage = openStage({ a: { answers: withTools('a', 'shown') } });
    const target = stage.open(conversationOf());
    for (const name of [
      'a__hidden',
      'hidden',
      'shown',
      'b__shown',
      '__shown',
      'a__',
      'a__shown_0123456789abcdef',
      '',
      'stores.list',
    ])
      await expect(ask(target, 'tools/call', { name })).rejects.toEqual(unknown);
    await expect(ask(target, 'tools/call', { name: 7 })).rejects.toEqual(unknown);
    expect(stage.sent).not.toContain('a tools/call');
  });

  test('of a new tool asks for the list anew, but not for every wrong name', async () => {
    const names = ['old'];
    const stage = openStage({
      a: { answers: { ...withTools('a'), 'tools/list': () => ({ tools: names.map((name) => ({ name })) }) } },
    });
    const target = stage.open(conversationOf());
    await ask(target, 'tools/list');
    names.push('new');
    stage.nowMs += 11_000;
    expect(await ask(target, 'tools/call', { name: 'a__new' })).toEqual({ reached: 'a', by: 'new' });
    for (let tries = 0; tries < 20; tries += 1)
      await expect(ask(target, 'tools/call', { name: `a__no${tries}` })).rejects.toEqual(unknown);
    expect(stage.sent.filter((sent) => sent === 'a tools/list')).toHaveLength(2);
  });

  test('to an upstream that is down says so, and another upstream’s tool works', async () => {
    const stage = openStage({
      a: { introduction: () => Promise.reject(refuse('upstream_unavailable', 'down')) },
      b: { answers: withTools('b', 'x') },
    });
    const target = stage.open(conversationOf());
    await expect(ask(target, 'tools/call', { name: 'a__x' })).rejects.toMatchObject({
      code: 'upstream_unavailable',
    });
    expect(await ask(target, 'tools/call', { name: 'b__x' })).toEqual({ reached: 'b', by: 'x' });
  });

  test('of a tool of our own is ours, and an upstream cannot take its name', async () => {
    const own = { list: () => [{ name: 'stores.list' }], call: async (name: string) => ({ own: name }) };
    const stage = openStage({ stores: { answers: withTools('stores', 'list', '.list') } }, { own });
    const target = stage.open(conversationOf());
    expect(await ask(target, 'tools/call', { name: 'stores.list', arguments: {} })).toEqual({
      own: 'stores.list',
    });
    expect(stage.sent).toEqual([]);
  });

  test('opens no other upstream', async () => {
    const stage = openStage({ a: { answers: withTools('a', 'x') }, b: { answers: withTools('b', 'x') } });
    await ask(stage.open(conversationOf()), 'tools/call', { name: 'b__x' });
    expect([...stage.by.keys()]).toEqual(['b']);
  });
});

test('what is not listed cannot be called, and what is listed can', async () => {
  const upstream = fc.constantFrom('a', 'b', 'c');
  const tool = fc.constantFrom('x', 'y', 'x__y', 'long'.repeat(20), 'wörd');
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.tuple(upstream, tool), { selector: String }),
      fc.uniqueArray(fc.tuple(upstream, tool), { selector: String }),
      async (there, denied) => {
        const scripts = Object.fromEntries(
          ['a', 'b', 'c'].map((name) => [
            name,
            { answers: withTools(name, ...there.filter(([of]) => of === name).map(([, own]) => own)) },
          ]),
        );
        const stage = openStage(scripts, {
          allow: ({ upstream: { name }, want }) =>
            want !== 'list' && denied.some(([of, own]) => of === name && own === want.name)
              ? { allowed: false, code: 'upstream_unknown', message: 'no' }
              : { allowed: true },
        });
        const target = stage.open(conversationOf());
        const listed = new Set(of(await ask(target, 'tools/list'), 'tools'));
        const all = ['a', 'b', 'c'].flatMap((from) =>
          ['x', 'y', 'x__y', 'long'.repeat(20), 'wörd'].map((own) => [from, own] as const),
        );
        for (const [from, own] of all) {
          const name = publicName(from, own);
          const called = await ask(target, 'tools/call', { name }).catch(() => undefined);
          expect(called).toEqual(listed.has(name) ? { reached: from, by: own } : undefined);
        }
      },
    ),
    { numRuns: 40 },
  );
});

describe('an address', () => {
  const read = (stage: ReturnType<typeof openStage>, uri: string, method = 'resources/read') =>
    ask(stage.open(conversationOf()), method, { uri });

  test('is read where it is listed, the first upstream in the row before the others, lists before templates', async () => {
    const stage = openStage({
      a: holding('a', [], [], ['x://{id}']),
      b: holding('b', ['x://1']),
      c: holding('c', ['x://1']),
    });
    expect([await read(stage, 'x://1'), await read(stage, 'x://2')]).toEqual([{ from: 'b' }, { from: 'a' }]);
    expect(await read(stage, 'x://1', 'resources/subscribe')).toEqual({ from: 'b' });
    expect(of(await ask(stage.open(conversationOf()), 'resources/list'), 'resources', 'uri')).toEqual([
      'x://1',
    ]);
  });

  test('of a tool’s page is read at the tool’s upstream', async () => {
    const page = (name: string, _meta: object): Script => ({
      answers: {
        ...holding(name, [], [`ui://${name}`]).answers,
        'tools/list': () => ({ tools: [{ name: 't', _meta }] }),
      },
    });
    const stage = openStage({
      a: page('a', { ui: null }),
      b: page('b', { ui: { resourceUri: 'ui://b' } }),
      c: page('c', { 'ui/resourceUri': 'ui://c' }),
    });
    expect([await read(stage, 'ui://b'), await read(stage, 'ui://c')]).toEqual([
      { from: 'b' },
      { from: 'c' },
    ]);
    expect(stage.sent).not.toContain('a resources/read');
  });

  test('that no list has is asked for in the row, and then remembered for this person', async () => {
    const stage = openStage({ a: holding('a', []), b: holding('b', [], ['y://deep']) });
    expect(await read(stage, 'y://deep')).toEqual({ from: 'b' });
    expect(await read(stage, 'y://deep', 'resources/subscribe')).toEqual({ from: 'b' });
    await expect(
      ask(stage.open(conversationOf(person('u2'))), 'resources/subscribe', { uri: 'y://deep' }),
    ).rejects.toMatchObject({ code: -32_002 });
  });

  test('that nobody has is refused in the words of the era', async () => {
    const stage = openStage({ a: holding('a', []) });
    await expect(read(stage, 'z://')).rejects.toMatchObject({ code: -32_002, data: { uri: 'z://' } });
    await expect(
      ask(stage.open(conversationOf(person(), 'modern')), 'resources/read', { uri: 'z://' }),
    ).rejects.toMatchObject({ code: -32_602, data: { uri: 'z://' } });
  });

  test('is found although an upstream before it does not answer', async () => {
    const stage = openStage({
      a: { introduction: () => new Promise(() => undefined) },
      b: holding('b', ['x://1']),
    });
    expect(await read(stage, 'x://1')).toEqual({ from: 'b' });
  });
});

test('a completion goes to the upstream of the prompt or the template', async () => {
  const prompts: Script['answers'] = { 'prompts/list': () => ({ prompts: [{ name: 'greet' }] }) };
  const stage = openStage({
    a: holding('a', [], [], ['x://{id}']),
    b: { answers: { ...holding('b', []).answers, ...prompts } },
  });
  const complete = (ref: object) =>
    ask(stage.open(conversationOf()), 'completion/complete', { ref, argument: { name: 'id', value: '' } });
  expect(await complete({ type: 'ref/prompt', name: 'b__greet' })).toEqual({
    from: 'b',
    ref: { type: 'ref/prompt', name: 'greet' },
  });
  expect(await complete({ type: 'ref/resource', uri: 'x://{id}' })).toEqual({
    from: 'a',
    ref: { type: 'ref/resource', uri: 'x://{id}' },
  });
  await expect(complete({ type: 'ref/prompt', name: 'greet' })).rejects.toEqual(unknown);
});

describe('a task', () => {
  const running = (name: string, ids: string[]): Script => ({
    answers: {
      ...withTools(name, 'start'),
      'tools/call': () => ({ task: { taskId: ids[0], status: 'working' } }),
      'tasks/get': (params) => {
        if (!ids.includes(String(params?.['taskId']))) throw new ProtocolError(-32_602, 'not found');
        return { from: name };
      },
      'tasks/update': () => ({ from: name }),
      'tasks/list': () => ({ tasks: ids.map((taskId) => ({ taskId })) }),
    },
  });

  test('is asked of the upstream that made it, and stays there when another one hands out its id', async () => {
    const stage = openStage({ a: running('a', ['t1']), b: running('b', ['t1']) });
    const target = stage.open(conversationOf());
    await ask(target, 'tools/call', { name: 'b__start' });
    await ask(target, 'tools/call', { name: 'a__start' });
    expect(await ask(target, 'tasks/get', { taskId: 't1' })).toEqual({ from: 'b' });
  });

  test('that is not remembered is looked for before anything is told', async () => {
    const stage = openStage({ a: running('a', []), b: running('b', ['t2']) });
    const target = stage.open(conversationOf());
    expect(await ask(target, 'tasks/update', { taskId: 't2', inputResponses: {} })).toEqual({ from: 'b' });
    expect(stage.sent).not.toContain('a tasks/update');
    await expect(ask(target, 'tasks/get', { taskId: 'none' })).rejects.toEqual(unknown);
    expect(of(await ask(target, 'tasks/list'), 'tasks', 'taskId')).toEqual(['t2']);
  });
});

test('a method that is nobody’s is not found', async () => {
  const stage = openStage({ a: { answers: { 'x/y': () => ({}) } } });
  const target = stage.open(conversationOf());
  for (const method of ['x/y', 'toString', '__proto__', 'initialize'])
    await expect(ask(target, method)).rejects.toMatchObject({ code: -32_601 });
  expect(await ask(target, 'ping')).toEqual({});
});
