import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { reserved } from './reserved.ts';
import { gather } from './sources.ts';

const cwd = mkdtempSync(join(tmpdir(), 'sources-'));
afterAll(() => rmSync(cwd, { recursive: true }));
const file = (name: string, content: string | Uint8Array) => {
  writeFileSync(join(cwd, name), content, { mode: 0o600 });
  return name;
};

test.each([
  ['secret\n', 'secret'],
  ['secret\r\n', 'secret'],
  ['secret', 'secret'],
  ['two\nlines\n\n', 'two\nlines\n'],
  ['\uFEFFsecret', 'secret'],
  [' spaces stay ', ' spaces stay '],
])('NAME_FILE gives the text of the file without its last line break: %j', (content, expected) => {
  const { texts, problems } = gather({ AUTH_SECRET_FILE: file('auth', content) }, cwd);
  expect([texts.get('AUTH_SECRET'), problems]).toEqual([expected, []]);
});

test.each([
  ['nowhere', 'is not there'],
  ['.', 'cannot be read (EISDIR)'],
  ['empty', 'is empty'],
  ['large', 'is larger than 65536 bytes'],
])('NAME_FILE=%s is refused: %s', (name, reason) => {
  file('empty', '\n');
  file('large', new Uint8Array(65_537));
  expect(gather({ MCP_KMS_KEY_FILE: name }, cwd).problems).toEqual([
    `MCP_KMS_KEY_FILE names a file that ${reason}`,
  ]);
});

test('a secret that is set both ways is refused', () => {
  const env = { AUTH_SECRET: 'a', AUTH_SECRET_FILE: file('auth', 'a') };
  expect(gather(env, cwd).problems).toEqual(['AUTH_SECRET and AUTH_SECRET_FILE are both set: keep one']);
});

test('only secrets have a NAME_FILE form', () => {
  expect(gather({ RATE_LIMIT_MCP_RPM_FILE: 'x' }, cwd).problems).toEqual([
    expect.stringContaining('RATE_LIMIT_MCP_RPM_FILE'),
  ]);
});

test('each reserved name is warned of once and its value is not kept', () => {
  const env = Object.fromEntries([...reserved.keys()].map((name) => [name, 'canary']));
  const { warnings, texts, problems } = gather(env, cwd);
  expect(warnings).toEqual([...reserved.keys()].map((name) => `nothing in this version reads ${name}`));
  expect(problems).toEqual([]);
  expect([...texts.values()]).not.toContain('canary');
});

test('a reserved secret by file is known too, and the file is left alone', () => {
  expect(gather({ DISCORD_BOT_TOKEN_FILE: 'nowhere' }, cwd)).toMatchObject({
    problems: [],
    warnings: ['nothing in this version reads DISCORD_BOT_TOKEN'],
  });
});

test('a `.env` that is there and cannot be read is refused, not skipped', () => {
  const odd = join(cwd, 'odd');
  mkdirSync(join(odd, '.env'), { recursive: true });
  expect(gather({}, odd).problems).toEqual(['.env cannot be read (EISDIR)']);
});
