import { afterEach, describe, expect, test } from 'vitest';
import { openStage, type Stage } from './fixtures/stage.ts';
import { tiny } from './fixtures/upstreams.ts';
import { scrubFor, scrubMessage } from './scrub-message.ts';
import { openTasks } from './tasks.ts';

// What several people share, and what a child holds: attacks of somebody who shares it, and of the child itself.

let stage: Stage | undefined;
afterEach(async () => stage?.close());

describe('tasks of a shared child', () => {
  const calls = [
    ['2025-11-25', { task: { taskId: 't1', status: 'working' } }],
    ['2026-07-28', { resultType: 'task', taskId: 't1', status: 'working' }],
  ] as const;

  test.each(calls)('of %s are out of reach for whoever guesses their ids', (_, made) => {
    const tasks = openTasks();
    tasks.note('ann', made);
    for (const method of ['tasks/get', 'tasks/result', 'tasks/cancel', 'tasks/update']) {
      expect(() => tasks.check('bob', method, { taskId: 't1' })).toThrow('Task not found');
      expect(() => tasks.check('ann', method, { taskId: 't1' })).not.toThrow();
    }
    expect(tasks.hides('bob', { taskId: 't1' })).toBe(true);
  });

  test('stay with the first whose call made them', () => {
    const tasks = openTasks();
    tasks.note('ann', calls[0][1]);
    for (const [, made] of calls) tasks.note('bob', made);
    expect(() => tasks.check('bob', 'tasks/get', { taskId: 't1' })).toThrow('Task not found');
  });

  test("are not pushed out of their owner's reach by another person's flood", () => {
    const tasks = openTasks();
    tasks.note('ann', calls[0][1]);
    for (let at = 0; at < 20_000; at += 1) tasks.note('bob', { task: { taskId: `flood-${at}` } });
    expect(() => tasks.check('ann', 'tasks/get', { taskId: 't1' })).not.toThrow();
    expect(() => tasks.check('bob', 'tasks/get', { taskId: 't1' })).toThrow('Task not found');
    expect(() => tasks.check('ann', 'tasks/get', { taskId: 'flood-0' })).toThrow('Task not found');
    expect(() => tasks.check('bob', 'tasks/get', { taskId: 'flood-19999' })).not.toThrow();
  });
});

describe('a child that repeats its credential', () => {
  const said = (secret: string, message: object): string => {
    scrubMessage(message, scrubFor({ KEY: secret }));
    return JSON.stringify(message);
  };

  test.each([
    ['with what JSON escapes', 'pa"ss\\word\t"123456'],
    ['over several lines', `-----BEGIN-----\n${'a'.repeat(40)}\n-----END-----`],
    ['beyond ASCII', 'schlüsselwort-für-alle-𝔰'],
  ])('%s shows nothing of it in results, errors, questions and names', (_, secret) => {
    for (const message of [
      { result: { content: [{ type: 'text', text: `it is ${secret}` }] } },
      { error: { code: -1, message: secret, data: { [secret]: [secret] } } },
      { method: 'elicitation/create', params: { message: secret, url: `https://x.test/?k=${secret}` } },
      { method: 'notifications/progress', params: { message: secret, progress: 1 } },
    ]) {
      const text = said(secret, message);
      expect(text).not.toContain(JSON.stringify(secret).slice(1, -1));
      expect(text).toContain('******');
    }
  });

  test('of digits shows nothing of it as a number', () => {
    const text = said('4929123456781234', {
      result: {
        content: [],
        structuredContent: { pin: 4_929_123_456_781_234, list: [4_929_123_456_781_234] },
      },
    });
    expect(text).not.toContain('4929123456781234');
  });
});

test('nobody watches more resources than a conversation may', async () => {
  stage = openStage();
  const talk = stage.talk(tiny());
  const subscribe = (at: number) => talk.request('resources/subscribe', { uri: `x://${at}` });
  for (let at = 0; at < 1000; at += 100)
    await Promise.all(Array.from({ length: 100 }, (_, more) => subscribe(at + more)));
  await expect(subscribe(1000)).rejects.toMatchObject({ code: 'overloaded' });
  await talk.request('resources/unsubscribe', { uri: 'x://0' });
  await subscribe(1000);
});
