import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openAudit } from '@sealgate/vault';
import { until } from '../../domain/fixtures/until.ts';
import type { Upstream } from '../../domain/upstream.ts';
import type { Values } from '../front/target.ts';
import { openStage as openLinksStage, type Stage as LinksStage } from '../link/fixtures/stage.ts';
import { everything, http, startConformance } from '../link/fixtures/upstreams.ts';
import { openSingle } from '../link/single.ts';
import { ask, contextOf, conversationOf, of, openStage, person, type Stage } from './fixtures/parts.ts';

// Real servers behind the address for all: a child, an HTTP upstream of each era, and one that is not there.

let legacy: Awaited<ReturnType<typeof startConformance>>;
let modern: Awaited<ReturnType<typeof startConformance>>;
let links: LinksStage;
let stage: Stage;
beforeAll(async () => {
  [legacy, modern] = await Promise.all([startConformance('legacy'), startConformance('modern')]);
  links = openLinksStage();
  const take = async () => undefined;
  const audit = openAudit({ journal: { stampMs: Date.now, append: take, queue: take, offer: () => true } });
  const single = openSingle({
    links: links.links,
    upstreams: { find: (_, name) => stage.upstreams.find((upstream) => upstream.name === name) },
    audit,
    now: Date.now,
    callTimeoutMs: 10_000,
  });
  stage = openStage({}, { single, listTimeoutMs: 20_000 });
  const upstreams: Upstream[] = [
    everything('every'),
    http('http://127.0.0.1:9/mcp', 'gone'),
    http(modern.url, 'new'),
    http(legacy.url, 'old'),
  ];
  stage.upstreams = upstreams;
});
afterAll(async () => {
  await links.close();
  await Promise.all([legacy.close(), modern.close()]);
});

const asking = { sampling: {}, elicitation: { form: {} }, roots: {} };
const textOf = (result: Values): unknown => (result['content'] as { text: string }[])[0]?.text;

describe.each(['legacy', 'modern'] as const)('a %s client', (era) => {
  test('lists and calls every upstream in its own era', async () => {
    const target = stage.open(conversationOf(person(), era));
    const said = await target.introduce(contextOf(person()));
    expect(said['capabilities']).toMatchObject({
      tools: { listChanged: true },
      prompts: {},
      resources: {},
      completions: {},
    });
    expect(said['instructions']).toContain('gone is not available now');
    const listed = await ask(target, 'tools/list');
    const names = of(listed, 'tools') as string[];
    expect(names).toEqual(
      names.toSorted((a, b) =>
        a.split('__')[0]! < b.split('__')[0]! ? -1 : a.split('__')[0] === b.split('__')[0] ? 0 : 1,
      ),
    );
    expect(new Set(names.map((name) => name.split('__')[0]))).toEqual(new Set(['every', 'new', 'old']));
    expect(listed['_meta']).toMatchObject({
      'io.sealgate/partial': [{ upstream: 'gone', code: 'upstream_unavailable' }],
    });
    expect(
      textOf(await ask(target, 'tools/call', { name: 'every__echo', arguments: { message: 'hi' } })),
    ).toBe('Echo: hi');
    for (const name of ['new', 'old'])
      expect(
        textOf(await ask(target, 'tools/call', { name: `${name}__test_simple_text`, arguments: {} })),
      ).toBe('This is a simple text response for testing.');
    await target.close();
  });

  test('reads, prompts and completes without knowing whose it is', async () => {
    const target = stage.open(conversationOf(person(), era));
    const prompts = of(await ask(target, 'prompts/list'), 'prompts') as string[];
    expect(prompts).toEqual(expect.arrayContaining(['new__test_simple_prompt', 'old__test_simple_prompt']));
    expect(await ask(target, 'prompts/get', { name: 'old__test_simple_prompt' })).toHaveProperty('messages');
    const uris = of(await ask(target, 'resources/list'), 'resources', 'uri') as string[];
    expect(uris).toEqual([...new Set(uris)]);
    for (const uri of ['test://static-text', 'test://template/7/data', uris[0]!])
      expect(await ask(target, 'resources/read', { uri })).toMatchObject({ contents: [{ uri }] });
    const ref = { type: 'ref/prompt', name: 'every__completable-prompt' };
    const completed = await ask(target, 'completion/complete', {
      ref,
      argument: { name: 'department', value: 'Eng' },
    });
    expect(completed).toMatchObject({ completion: { values: ['Engineering'] } });
    await target.close();
  });
});

test('two people who are asked at the same time answer for themselves', async () => {
  const talk = async (subject: string): Promise<string> => {
    const conversation = conversationOf(person(subject), 'legacy', asking);
    const target = stage.open(conversation);
    const context = contextOf(person(subject));
    const params = { name: 'old__test_elicitation', arguments: { message: `for ${subject}` } };
    const result = await ask(target, 'tools/call', params, { context });
    expect(conversation.asked.map(({ params: asked }) => asked?.['message'])).toEqual([`for ${subject}`]);
    await target.close();
    return String(textOf(result));
  };
  const people = ['canary-ann', 'canary-bob', 'canary-cyn'];
  const said = await Promise.all(people.map(talk));
  for (const [at, text] of said.entries())
    for (const subject of people) expect(text.includes(subject)).toBe(subject === people[at]);
});

test('an update of a watched resource is heard through the address for all', async () => {
  const conversation = conversationOf(person(), 'legacy', asking);
  const target = stage.open(conversation);
  await ask(target, 'resources/subscribe', { uri: 'test://watched-resource' });
  await ask(target, 'resources/unsubscribe', { uri: 'test://watched-resource' });
  await ask(target, 'logging/setLevel', { level: 'debug' });
  await ask(target, 'tools/call', { name: 'old__test_tool_with_logging', arguments: {} });
  const logs = () => conversation.heard.filter(({ params }) => String(params?.['logger']).startsWith('old'));
  await until(() => logs().length >= 3);
  await target.close();
});
