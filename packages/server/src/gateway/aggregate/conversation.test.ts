import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { refuse } from '../../errors.ts';
import type { Values } from '../front/target.ts';
import {
  ask,
  contextOf,
  conversationOf,
  openStage,
  person,
  upstreamOf,
  withTools,
} from './fixtures/parts.ts';

const context = contextOf(person());
const changed = { method: 'notifications/tools/list_changed' };

describe('the introduction', () => {
  test('is the union of what the upstreams can do', async () => {
    const ui = { 'io.modelcontextprotocol/ui': { mimeTypes: ['text/html'] }, 'x.test/other': {} };
    const stage = openStage({
      a: {
        introduction: {
          capabilities: { tools: {}, completions: {}, extensions: ui, experimental: { x: {} } },
          instructions: 'Use a.',
        },
      },
      b: { introduction: { capabilities: { resources: { subscribe: true } }, instructions: 'Use b.' } },
    });
    expect(await stage.open(conversationOf(person(), 'modern')).introduce(context)).toEqual({
      capabilities: {
        tools: { listChanged: true },
        resources: { listChanged: true, subscribe: true },
        completions: {},
        extensions: { 'io.modelcontextprotocol/ui': { mimeTypes: ['text/html'] } },
      },
      serverInfo: { name: 'sealgate', version: '1.2.3' },
      instructions:
        'Tools and prompts of each server below are named <server>__<name>.\n\n# a\nUse a.\n\n# b\nUse b.',
    });
  });

  test('names an upstream that is down, declares what it may bring, and tells when it is there after all', async () => {
    const starting = Promise.withResolvers<Values>();
    const stage = openStage({
      a: { introduction: () => Promise.reject(refuse('upstream_unavailable', 'a is down')) },
      b: { introduction: () => starting.promise },
    });
    const conversation = conversationOf();
    const said = await stage.open(conversation).introduce(context);
    expect(said['capabilities']).toMatchObject({ tools: {}, prompts: {}, resources: {}, logging: {} });
    expect(said['instructions']).toContain('a is not available now (upstream_unavailable): a is down');
    expect(said['instructions']).toContain('b is not available now (upstream_timeout)');
    expect(conversation.heard).not.toContainEqual(changed);
    starting.resolve({ capabilities: { tools: {} } });
    await sleep(1);
    expect(conversation.heard).toContainEqual(changed);
  });

  test('is bounded, however much the upstreams have to say', async () => {
    const wordy = { introduction: { capabilities: {}, instructions: '€'.repeat(10_000) } };
    const stage = openStage({
      a: wordy,
      b: wordy,
      c: { introduction: { capabilities: {}, instructions: 'short' } },
    });
    const { instructions } = await stage.open(conversationOf()).introduce(context);
    expect(Buffer.byteLength(String(instructions))).toBeLessThanOrEqual(8192);
    expect(instructions).toContain('short');
    expect(instructions).not.toContain('\uFFFD');
  });

  test('is asked of every upstream for a session, and kept for single requests', async () => {
    const stage = openStage({ a: { answers: withTools('a', 'x') } });
    const introductions = () => stage.sent.filter((sent) => sent === 'a introduce').length;
    await stage.open(conversationOf()).introduce(context);
    await stage.open(conversationOf()).introduce(context);
    expect(introductions()).toBe(2);
    const modern = () => stage.open(conversationOf(person(), 'modern'));
    await modern().introduce(context);
    await modern().introduce(context);
    expect(introductions()).toBe(3);
    await modern().notify(context, { method: 'notifications/initialized' });
    expect(introductions()).toBe(4);
  });
});

describe('what upstreams announce', () => {
  test('is told once for a burst of changes, and once more after it', async () => {
    const stage = openStage({ a: { answers: withTools('a', 'x') } });
    const conversation = conversationOf();
    await stage.open(conversation).introduce(context);
    for (let at = 0; at < 1000; at += 1) stage.by.get('a')![0]!.hear(changed);
    expect(conversation.heard).toEqual([changed]);
    await expect.poll(() => conversation.heard).toEqual([changed, changed]);
  });

  test('says whose log it is, and passes what else there is', async () => {
    const stage = openStage({ a: { answers: withTools('a', 'x') } });
    const conversation = conversationOf();
    await stage.open(conversation).introduce(context);
    const { hear } = stage.by.get('a')![0]!;
    hear({ method: 'notifications/message', params: { level: 'info', logger: 'db', data: 1 } });
    hear({ method: 'notifications/message', params: { level: 'info', data: 2 } });
    hear({ method: 'notifications/resources/updated', params: { uri: 'x://1' } });
    expect(conversation.heard.map(({ params }) => params?.['logger'] ?? params?.['uri'])).toEqual([
      'a/db',
      'a',
      'x://1',
    ]);
  });

  test('of a task is told by the upstream that has it', async () => {
    const task = { ...withTools('a', 'x'), 'tools/call': () => ({ task: { taskId: 't1' } }) };
    const stage = openStage({ a: { answers: task }, b: { answers: withTools('b', 'x') } });
    const conversation = conversationOf();
    const target = stage.open(conversation);
    await target.introduce(context);
    await ask(target, 'tools/call', { name: 'a__x' });
    for (const name of ['b', 'a'])
      stage.by
        .get(name)![0]!
        .hear({ method: 'notifications/tasks/status', params: { taskId: 't1', by: name } });
    expect(conversation.heard.map(({ params }) => params?.['by'])).toEqual(['a']);
  });

  test('is told when an upstream is added or removed, until the conversation is over', async () => {
    const stage = openStage({ a: { answers: withTools('a', 'x') } });
    const [here, elsewhere] = [conversationOf(), conversationOf(person('u1', 'g2'))];
    const target = stage.open(here);
    stage.open(elsewhere);
    stage.changed('b');
    expect(here.heard).toContainEqual(changed);
    expect(elsewhere.heard).toEqual([]);
    await target.close();
    here.heard.length = 0;
    stage.changed('c');
    expect(here.heard).toEqual([]);
  });
});

describe('a conversation', () => {
  test('asks the person who holds it and nobody else, whatever order people come in', async () => {
    const asking = {
      ...withTools('a', 'x'),
      'tools/call': async (_: unknown, by: { ask(asked: object): Promise<Values> }) =>
        by.ask({
          method: 'elicitation/create',
          params: { message: 'who?' },
          signal: new AbortController().signal,
        }),
    };
    const stage = openStage({ a: { answers: asking as never } });
    const people = Array.from({ length: 12 }, (_, at) => conversationOf(person(`canary-${at}`)));
    const answers = await Promise.all(
      people.map(async (conversation) => ask(stage.open(conversation), 'tools/call', { name: 'a__x' })),
    );
    expect(answers).toEqual(
      people.map(({ caller }) => ({ action: 'accept', content: { by: caller.subject } })),
    );
    expect(people.map(({ asked }) => asked.length)).toEqual(people.map(() => 1));
    expect(stage.by.get('a')!.map(({ holder }) => holder)).toEqual(people.map(({ holder }) => holder));
  });

  test('sets the log level at open upstreams at once and at others when they are used', async () => {
    const logging = (name: string) => ({
      answers: { ...withTools(name, 'x'), 'logging/setLevel': () => ({}) },
    });
    const stage = openStage({ a: logging('a'), b: logging('b'), c: { answers: withTools('c', 'x') } });
    const target = stage.open(conversationOf(person(), 'modern'));
    await ask(target, 'tools/call', { name: 'a__x' });
    await ask(target, 'logging/setLevel', { level: 'debug' });
    const told = () => stage.sent.filter((sent) => sent.endsWith('setLevel'));
    expect(told()).toEqual(['a logging/setLevel']);
    for (const name of ['b__x', 'a__x', 'b__x', 'c__x']) await ask(target, 'tools/call', { name });
    expect(told()).toEqual(['a logging/setLevel', 'b logging/setLevel']);
    await expect(ask(target, 'logging/setLevel', { level: 'loud' })).rejects.toMatchObject({ code: -32_602 });
  });

  test('goes on elsewhere with what each upstream gave, unless the upstream is another one by now', async () => {
    const scripts = {
      a: { answers: withTools('a', 'x'), resumption: { sessionId: 's-a' } },
      b: { answers: withTools('b', 'x'), resumption: { sessionId: 's-b' } },
      child: { answers: withTools('child', 'x') },
    };
    const stage = openStage(scripts);
    const target = stage.open(conversationOf());
    await target.introduce(context);
    const resumption = JSON.parse(JSON.stringify(target.resumption())) as Values;
    const other = openStage(scripts);
    other.upstreams = [upstreamOf('a'), upstreamOf('b', { url: 'http://thief.test/' }), upstreamOf('child')];
    const resumed = other.open(conversationOf(), resumption);
    for (const name of ['a__x', 'b__x', 'child__x']) await ask(resumed, 'tools/call', { name });
    expect(Object.fromEntries(other.resumed)).toEqual({
      a: { sessionId: 's-a' },
      b: undefined,
      child: undefined,
    });
  });

  test('keeps what it was given for upstreams that were not used since', () => {
    const stage = openStage({ a: {} });
    const resumption = { upstreams: { a: { digest: 'd', state: { sessionId: 's' } } }, level: 'info' };
    expect(stage.open(conversationOf(), resumption).resumption()).toEqual(resumption);
  });

  test('keeps its resumption small, however much its upstreams want kept', async () => {
    const big = { answers: withTools('a', 'x'), resumption: { introduction: 'x'.repeat(40_000) } };
    const stage = openStage({ a: big, b: big, c: big });
    const target = stage.open(conversationOf());
    await target.introduce(context);
    expect(JSON.stringify(target.resumption()).length).toBeLessThan(70_000);
  });

  test('lets go of every upstream when it is over, and of one that is defined anew', async () => {
    const stage = openStage({ a: { answers: withTools('a', 'x') }, b: { answers: withTools('b', 'x') } });
    const target = stage.open(conversationOf());
    await target.introduce(context);
    stage.upstreams = [upstreamOf('a', { url: 'http://new.test/' }), upstreamOf('b')];
    await ask(target, 'tools/call', { name: 'a__x' });
    expect(stage.by.get('a')).toHaveLength(2);
    await target.notify(context, { method: 'notifications/roots/list_changed' });
    await target.close();
    expect(stage.sent.slice(-4).toSorted()).toEqual([
      'a close',
      'a notifications/roots/list_changed',
      'b close',
      'b notifications/roots/list_changed',
    ]);
  });
});
