import { describe, expect, it } from 'vitest';
import { blotTokens, openLog } from './log.ts';

const written = (fields: object, message: string): string => {
  const lines: string[] = [];
  openLog('debug', { write: (line) => lines.push(line) }).info(fields, message);
  return lines.join('');
};

describe('the log', () => {
  it('writes one JSON line with time, level and message', () => {
    expect(JSON.parse(written({ upstream: 'shop' }, 'child started'))).toMatchObject({
      level: 30,
      upstream: 'shop',
      msg: 'child started',
      time: expect.stringMatching(/^\d{4}-/),
    });
  });

  it.each([
    ['by name', { authorization: 'hunter22hunter22' }],
    ['by name, one level down', { headers: { cookie: 'hunter22hunter22' } }],
    ['by name, two levels down', { request: { headers: { authorization: 'hunter22hunter22' } } }],
  ])('blots out a secret %s', (_, fields) => {
    expect(written(fields, 'x')).not.toContain('hunter22');
  });

  it.each([
    'Bearer abcdefghijklmnop',
    'Basic dXNlcjpwYXNzd29yZA==',
    'sgd_abcdefghijklmnopqrstuvwx',
    'sgk_abcdefghijklmnopqrstuvwx',
    'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl',
    `ghp_${'a'.repeat(36)}`,
    'sk-abcdefghijklmnopqrst',
    'AKIAIOSFODNN7EXAMPLE',
  ])('blots a token out of any text: %s', (token) => {
    expect(written({ note: `got ${token} back` }, `said ${token}`)).not.toContain(token.split(' ').at(-1));
  });

  it('leaves ordinary words alone', () => {
    const text = 'upstream shop answered 200 in 12 ms; basic settings; task-1234';
    expect(blotTokens(text)).toBe(text);
  });
});
