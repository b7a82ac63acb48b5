import { expect, test } from 'vitest';
import { looksSecret, looksSecretArgument } from './secret-shapes.ts';

const jwt = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln';

test.each([
  ['API_KEY', 'x'],
  ['apiKey', 'abc'],
  ['GITHUB_PERSONAL_ACCESS_TOKEN', 'anything'],
  ['X-Api-Key', '${KEY}'],
  ['Authorization', 'whatever'],
  ['cookie', 'a=b'],
  ['DB_PASSWORD', '123456'],
  ['clientSecret', 'true'],
  ['SOMETHING', 'Bearer abcdefgh1234'],
  ['SOMETHING', jwt],
  ['SOMETHING', 'ghp_abcdefghijklmnop'],
  ['SOMETHING', 'sk-ant-api03-abcdefghijklmnop'],
  ['SOMETHING', '-----BEGIN RSA PRIVATE KEY-----\nx'],
  ['DATABASE_URL', 'postgres://me:hunter2@db/x'],
])('%s=%s is a secret', (name, value) => expect(looksSecret(name, value)).toBe(true));

test.each([
  ['API_KEY', ''],
  ['KEY_FILE', '/run/secrets/key'],
  ['TOKEN_LIMIT', '4096'],
  ['MAX_TOKENS', '4096'],
  ['KEYBOARD', 'de'],
  ['MONKEY', 'business'],
  ['AUTHOR', 'Ada'],
  ['LOG_LEVEL', 'debug'],
  ['MEMORY_FILE_PATH', '/tmp/memory.jsonl'],
  ['BASE_URL', 'https://api.example.com/v1'],
  ['USE_TOKEN', 'true'],
])('%s=%s is a plain setting', (name, value) => expect(looksSecret(name, value)).toBe(false));

test.each([
  ['--api-key=abc', undefined],
  ['abc', '--token'],
  ['token=abc', undefined],
  ['Authorization: Bearer abcdefgh', '--header'],
  ['https://me:pw@host/', undefined],
  [jwt, undefined],
])('argument %s after %s is a secret', (argument, before) =>
  expect(looksSecretArgument(argument, before)).toBe(true),
);

test.each([
  ['-y', undefined],
  ['@modelcontextprotocol/server-github', '-y'],
  ['--key-file=/run/key', undefined],
  ['--port=4000', undefined],
  ['/home/me', '--root'],
  ['https://example.com/mcp', '--url'],
])('argument %s after %s is plain', (argument, before) =>
  expect(looksSecretArgument(argument, before)).toBe(false),
);
