import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { progressBar } from './progress.ts';

function bar(isTTY: boolean) {
  const out = Object.assign(new PassThrough(), { isTTY }).setEncoding('utf8');
  let nowMs = 0;
  const shown = progressBar(out, () => nowMs);
  return {
    ...shown,
    after: (ms: number): void => void (nowMs += ms),
    said: (): string => (out.read() as string | null) ?? '',
  };
}

it('a terminal gets one line that is drawn over, with share, count and rate', () => {
  const { show, after, end, said } = bar(true);
  show({ what: 'bringing in', done: 0, total: 4000 });
  after(2000);
  show({ what: 'bringing in', done: 1000, total: 4000 });
  end();
  const lines = said().split('\r\u001B[2K');
  expect(lines[1]).toBe(`bringing in: [${'.'.repeat(24)}] 0 %, 0 of 4000`);
  expect(lines[2]).toBe(`bringing in: [${'#'.repeat(6)}${'.'.repeat(18)}] 25 %, 1000 of 4000, 500 a second`);
  expect(lines.at(-1)?.endsWith('\n')).toBe(true);
});

it('elsewhere a line comes at the beginning, now and then, and at the end, without a control character', () => {
  const { show, after, end, said } = bar(false);
  for (let done = 0; done <= 100; done += 1) {
    show({ what: 'comparing', done, total: 100 });
    after(100);
  }
  show({ what: 'comparing', done: 100, total: 100 });
  end();
  const lines = said().trimEnd().split('\n');
  expect(lines).toHaveLength(3);
  expect(lines[0]).toBe('comparing: 0 %, 0 of 100');
  expect(lines[2]).toBe('comparing: 100 %, 100 of 100, 10 a second');
  expect(lines.every((line) => /^[ -~]+$/.test(line))).toBe(true);
});

it('what has no known end says how far it is, and nothing before it begins', () => {
  const { show, after, said } = bar(false);
  show({ what: 'waiting', done: 0, total: undefined });
  show({ what: 'copying', done: 0, total: undefined });
  after(6000);
  show({ what: 'copying', done: 60, total: undefined });
  expect(said()).toBe('waiting\ncopying\ncopying: 60, 10 a second\n');
});

it('an empty copy is whole', () => {
  const { show, said } = bar(false);
  show({ what: 'comparing', done: 0, total: 0 });
  expect(said()).toBe('comparing: 100 %, 0 of 0\n');
});
