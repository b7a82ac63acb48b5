import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { until } from '../../domain/fixtures/until.ts';
import { isAlive } from '../stdio/fixtures/parts.ts';
import { contextOf, openStage, type Stage } from './fixtures/stage.ts';
import { child, conformance, everything, tiny } from './fixtures/upstreams.ts';

// Links to children: who shares one, what is declared to it, and when it ends.

const asking = { sampling: {}, elicitation: { form: {} }, roots: {} };
const credential = { in: 'env', name: 'KEY' } as const;
const asker = child('asker', conformance('--stdio', '--era', 'legacy'));
let stage: Stage;
afterEach(() => stage.close());

describe('a child is shared', () => {
  test('by all of a group when it has no credential and nothing is declared to it', async () => {
    stage = openStage();
    const talks = ['ann', 'bob', 'cy'].map((subject) => stage.talk(tiny(), { subject, holder: subject }));
    const pids = await Promise.all(talks.map((talk) => talk.text('pid')));
    expect(new Set(pids).size).toBe(1);
    expect(stage.links.count()).toEqual({ children: 1, sessions: 0 });
  });

  test('by nobody when it has a credential: not even the conversations of one person', async () => {
    stage = openStage();
    stage.setCredential('tiny', '', 'group-key');
    const upstream = tiny('tiny', { credential });
    const talks = ['h1', 'h2'].map((holder) => stage.talk(upstream, { holder }));
    const bob = stage.talk(upstream, { subject: 'bob', holder: 'h3' });
    const pids = await Promise.all([...talks, bob].map((talk) => talk.text('pid')));
    expect(new Set(pids).size).toBe(3);
  });

  test('by nobody when it may ask something', async () => {
    stage = openStage();
    const talks = ['h1', 'h2'].map((holder) => stage.talk(tiny(), { holder, capabilities: asking }));
    const pids = await Promise.all(talks.map((talk) => talk.text('pid')));
    expect(new Set(pids).size).toBe(2);
  });
});

describe('what a child asks', () => {
  test('reaches the conversation that has the child, and never another: canaries over random interleavings', async () => {
    stage = openStage();
    const talks = ['ann', 'bob'].map((subject) => ({
      subject,
      talk: stage.talk(asker, {
        subject,
        holder: `h-${subject}`,
        capabilities: asking,
        answer: async ({ method }) => {
          await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
          return method.startsWith('sampling')
            ? { role: 'assistant', model: 'm', content: { type: 'text', text: `canary-${subject}` } }
            : { action: 'accept', content: { username: subject, email: `canary-${subject}@example.test` } };
        },
      }),
    }));
    const rounds = Array.from({ length: 24 }, async (_, n) => {
      const { subject, talk } = talks[n % 2]!;
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 60));
      const text =
        n % 3 === 0
          ? await talk.text('test_sampling', { prompt: 'say' })
          : await talk.text('test_elicitation', { message: `for ${subject}` });
      expect(text).toContain(`canary-${subject}`);
      expect(text).not.toContain(`canary-${subject === 'ann' ? 'bob' : 'ann'}`);
    });
    await Promise.all(rounds);
    for (const { subject, talk } of talks)
      for (const { params } of talk.asked)
        expect(JSON.stringify(params)).not.toContain(`for ${subject === 'ann' ? 'bob' : 'ann'}`);
  });

  test('is answered "method not found" when nothing was declared, also without a call', async () => {
    stage = openStage();
    const talk = stage.talk(everything(), { holder: 'h1' });
    await talk.request('tools/list');
    // server-everything asks for roots by itself, 350 ms after it was initialized.
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(talk.asked).toEqual([]);
    const roots = stage.talk(everything(), {
      holder: 'h2',
      capabilities: { roots: {} },
      answer: async () => ({ roots: [] }),
    });
    await roots.request('tools/list');
    await until(() => roots.asked.length > 0);
    expect(roots.asked[0]).toMatchObject({ method: 'roots/list' });
  });
});

test('a child that does not answer is not waited for', async () => {
  stage = openStage({ callSeconds: 0.5 });
  await expect(stage.talk(tiny()).text('hang')).rejects.toMatchObject({ code: 'upstream_timeout' });
});

describe('the era of a child', () => {
  const speaks = (era: 'both' | 'legacy' | 'modern') =>
    era === 'legacy' ? tiny(era) : child(era, conformance('--stdio', '--era', era));
  const spoken = (): unknown[] =>
    stage.logged
      .filter((line) => line.includes('child started'))
      .map((line) => /"era":"(\w+)"/.exec(line)?.[1]);

  test.each([
    ['both', ['legacy', 'modern']],
    ['legacy', ['legacy']],
    ['modern', ['modern']],
  ] as const)('is that of the client when the command speaks %s', async (era, eras) => {
    stage = openStage();
    const upstream = speaks(era);
    const talks = (['legacy', 'modern'] as const).map((one) => stage.talk(upstream, { era: one }));
    await Promise.all(talks.map((talk) => talk.target.introduce(contextOf('ann'))));
    expect(new Set(spoken())).toEqual(new Set(eras));
    expect(stage.links.count().children).toBe(eras.length);
  });

  test('is remembered: a command is not started in an era it does not speak', async () => {
    stage = openStage();
    const starts = (): number => stage.lines.filter(({ act }) => act === 'child.start').length;
    for (const [name, era] of [
      ['modern', 'legacy'],
      ['legacy', 'modern'],
    ] as const) {
      const talk = stage.talk(speaks(name), { era });
      await talk.target.introduce(contextOf('ann'));
      const before = starts();
      await stage.links.retire('g1', name);
      await talk.target.introduce(contextOf('ann'));
      expect(starts()).toBe(before + 1);
    }
  });

  test('lets a client of the older era see what it would see directly, and be asked in its way', async () => {
    stage = openStage();
    const answer = async () => ({
      action: 'accept',
      content: { username: 'ann', email: 'ann@example.test' },
    });
    const talk = stage.talk(speaks('both'), { holder: 'h1', capabilities: asking, answer });
    const listed = await talk.request('tools/list');
    for (const name of ['_meta', 'ttlMs', 'cacheScope', 'resultType'])
      expect(listed).not.toHaveProperty(name);
    expect(await talk.text('test_elicitation', { message: 'who?' })).toContain('ann@example.test');
    expect(talk.asked).toMatchObject([{ method: 'elicitation/create' }]);
  });
});

describe('a child ends', () => {
  test('when its credential is replaced or removed, its upstream retired, its holder released', async () => {
    stage = openStage();
    const upstream = tiny('tiny', { credential });
    stage.setCredential('tiny', 'ann', 'first-secret');
    const talk = stage.talk(upstream, { holder: 'h1' });
    const first = await talk.text('pid');
    stage.setCredential('tiny', 'ann', 'second-secret');
    await until(() => !isAlive(first));
    expect(await talk.text('env', { name: 'KEY' })).toBe('*'.repeat(13));
    const second = await talk.text('pid');
    await stage.links.retire('g1', 'tiny');
    expect(isAlive(second)).toBe(false);
    const third = await talk.text('pid');
    await stage.links.release('h1');
    expect(isAlive(third)).toBe(false);
    stage.setCredential('tiny', 'ann', undefined);
    await expect(talk.text('pid')).rejects.toMatchObject({ code: 'credential_missing' });
  });

  test('with the session it belongs to', async () => {
    stage = openStage();
    const talk = stage.talk(tiny(), { holder: 'h1', capabilities: asking });
    const pid = await talk.text('pid');
    expect(talk.target.resumption()).toBeUndefined();
    await talk.target.close();
    expect(isAlive(pid)).toBe(false);
    const other = stage.talk(tiny(), { holder: 'h2' });
    const shared = await other.text('pid');
    expect(other.target.resumption()).toEqual({});
    await other.target.close();
    expect(isAlive(shared)).toBe(true);
  });

  test('when its upstream is changed or removed, and the conversation goes on with what is there now', async () => {
    stage = openStage();
    const talk = stage.talk(tiny('tiny', { env: { PLAIN: 'before' } }), {
      holder: 'h1',
      capabilities: asking,
    });
    const pid = await talk.text('pid');
    await stage.change('tiny', tiny('tiny', { env: { PLAIN: 'after' } }));
    expect(isAlive(pid)).toBe(false);
    expect(await talk.text('env', { name: 'PLAIN' })).toBe('after');
    await stage.change('tiny', undefined);
    await expect(talk.text('pid')).rejects.toMatchObject({ code: 'upstream_unknown' });
    expect(stage.links.count()).toEqual({ children: 0, sessions: 0 });
  });

  test('when nobody has used it for a while', async () => {
    stage = openStage({ idleSeconds: 0.2 });
    const talk = stage.talk(tiny(), { era: 'modern' });
    const pid = await talk.text('pid');
    await talk.target.close();
    await until(() => !isAlive(pid));
  });
});

describe('how many there may be', () => {
  test('of one person: the longest idle one makes room, another person is not touched', async () => {
    stage = openStage({ childrenPerPersonMax: 2 });
    const visit = async (name: string, subject: string): Promise<string> => {
      stage.setCredential(name, subject, 'a-secret');
      const talk = stage.talk(tiny(name, { credential }), { subject, era: 'modern' });
      const pid = await talk.text('pid');
      await talk.target.close();
      return pid;
    };
    const bobs = await visit('a', 'bob');
    const pids: string[] = [];
    for (const name of ['a', 'b', 'c']) pids.push(await visit(name, 'ann'));
    expect(pids.map(isAlive)).toEqual([false, true, true]);
    expect(isAlive(bobs)).toBe(true);
  });

  test('a conversation that is quiet makes room too, and goes on with a child of its own', async () => {
    stage = openStage({ childrenPerPersonMax: 1 });
    const first = stage.talk(tiny(), { holder: 'h1', capabilities: asking });
    const pids = [await first.text('pid')];
    pids.push(await stage.talk(tiny(), { holder: 'h2', capabilities: asking }).text('pid'));
    expect(pids.map(isAlive)).toEqual([false, true]);
    expect(await first.text('echo', { text: 'still here' })).toBe('still here');
  });

  test('and when all are in use the next is refused', async () => {
    stage = openStage({ childrenPerPersonMax: 1 });
    const first = stage.talk(tiny(), { holder: 'h1', capabilities: asking });
    await first.text('pid');
    // It ends with the stage.
    void first.text('hang').catch(() => undefined);
    await first.text('echo', { text: 'under way' });
    const next = stage.talk(tiny(), { holder: 'h2', capabilities: asking });
    await expect(next.text('pid')).rejects.toMatchObject({ code: 'overloaded' });
    expect(await first.text('echo', { text: 'still here' })).toBe('still here');
  });
});

test('a command that the operator does not allow is never run, and nothing is lent to it', async () => {
  stage = openStage({ commands: ['/usr/bin/true', 'node'] });
  await expect(stage.talk(tiny('tiny', { credential })).text('pid')).rejects.toThrow(/may not be run here/);
  expect(stage.lines).toEqual([]);
  await stage.close();
  stage = openStage({ commands: [process.execPath] });
  expect(await stage.talk(tiny()).text('echo', { text: 'runs' })).toBe('runs');
});

test('a child that falls over is started again, and one that keeps falling waits longer each time', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sealgate-links-'));
  const starts = join(folder, 'starts');
  let nowMs = Date.now();
  stage = openStage({}, () => nowMs);
  const talk = stage.talk(tiny('falling', { env: { FALL: '1', STARTS: starts } }), {});
  const count = async (): Promise<number> => (await readFile(starts, 'utf8')).trim().split('\n').length;
  await expect(talk.text('pid')).rejects.toThrow(/ended before it answered/);
  const once = await count();
  await expect(talk.text('pid')).rejects.toThrow(/tried again in 1 s/);
  expect(await count()).toBe(once);
  nowMs += 600;
  await expect(talk.text('pid')).rejects.toThrow(/ended before it answered/);
  nowMs += 600;
  await expect(talk.text('pid')).rejects.toThrow(/tried again/);
  await rm(folder, { recursive: true });
});

test('log messages are told to whoever has the child alone, and never to others', async () => {
  stage = openStage();
  const loud = stage.talk(tiny(), { subject: 'ann', holder: 'h1' });
  const other = stage.talk(tiny(), { subject: 'bob', holder: 'h2' });
  const shared = await loud.text('pid');
  expect(await other.text('pid')).toBe(shared);
  await loud.request('logging/setLevel', { level: 'debug' });
  expect(await loud.text('pid')).not.toBe(shared);
  const message = { method: 'notifications/message', params: { level: 'info', data: 'x' } };
  const list = { method: 'notifications/tools/list_changed' };
  for (const talk of [other, loud]) for (const notice of [message, list]) await talk.text('announce', notice);
  await until(() => loud.heard.length === 2);
  expect(loud.heard).toEqual([message, list]);
  expect(other.heard).toEqual([list]);
});

test('a subscription outlives the child', async () => {
  stage = openStage();
  const talk = stage.talk(tiny(), {});
  await talk.request('resources/subscribe', { uri: 'file:///a' });
  await talk.text('die').catch(() => undefined);
  await until(() => talk.text('pid').then(Boolean, () => false));
  expect(await talk.text('heard')).toContain('["resources/subscribe","file:///a"]');
  const params = { uri: 'file:///a' };
  await talk.text('announce', { method: 'notifications/resources/updated', params });
  await talk.text('announce', { method: 'notifications/resources/updated', params: { uri: 'file:///b' } });
  expect(talk.heard).toEqual([{ method: 'notifications/resources/updated', params }]);
});

test('nothing reaches a child without an entry', async () => {
  stage = openStage();
  const talk = stage.talk(tiny(), {});
  await talk.text('pid');
  stage.breakJournal();
  await expect(talk.text('whisper', { line: 'reached' })).rejects.toMatchObject({
    code: 'audit_unavailable',
  });
  expect(stage.logged.join('\n')).not.toContain('reached');
});
