import { expect, test } from 'vitest';
import { parseServersFile } from './mcp-servers-file.ts';

const parse = (value: unknown) => parseServersFile(JSON.stringify(value), 'mcp.json');
const refused = (value: unknown): string => {
  try {
    parse(value);
    return 'taken';
  } catch (error) {
    expect(error).toMatchObject({ code: 'upstream_invalid' });
    return (error as Error).message;
  }
};

test('the forms of Claude, Cursor and VS Code are read', () => {
  const claude = {
    mcpServers: {
      files: { command: 'npx', args: ['-y', 'server', '/home'], env: { LOG_LEVEL: 'debug' } },
      web: { type: 'http', url: 'https://a.example/mcp' },
    },
  };
  const cursor = { mcpServers: { web: { url: 'https://a.example/mcp' } } };
  const code = {
    servers: {
      web: { type: 'streamable-http', url: 'https://a.example/mcp', headers: {} },
      files: { type: 'stdio', command: 'x', cwd: '/tmp' },
    },
    inputs: [],
  };
  const web = { kind: 'http', name: 'web', url: 'https://a.example/mcp', credential: undefined };
  expect(parse(claude).upstreams).toEqual([
    {
      kind: 'stdio',
      name: 'files',
      command: 'npx',
      args: ['-y', 'server', '/home'],
      env: { LOG_LEVEL: 'debug' },
      cwd: undefined,
      credential: undefined,
    },
    web,
  ]);
  expect(parse(cursor).upstreams).toEqual([web]);
  expect(parse(code).upstreams).toEqual([
    web,
    { kind: 'stdio', name: 'files', command: 'x', args: [], env: {}, cwd: '/tmp', credential: undefined },
  ]);
  expect(parse({}).upstreams).toEqual([]);
  expect(parseServersFile('\uFEFF{}', 'mcp.json').upstreams).toEqual([]);
});

test('it may say where a credential goes', () => {
  const { upstreams } = parse({
    mcpServers: {
      a: { url: 'http://a/', credential: { in: 'header', name: 'x-api-key', scheme: 'plain' } },
      b: { url: 'http://b/', credential: { in: 'header' } },
      c: { command: 'c', credential: { in: 'env', name: 'TOKEN' } },
    },
  });
  expect(upstreams.map(({ credential }) => credential)).toEqual([
    { in: 'header', name: 'x-api-key', scheme: 'plain' },
    { in: 'header', name: 'authorization', scheme: 'bearer' },
    { in: 'env', name: 'TOKEN' },
  ]);
});

test.each([
  { url: 'https://a/', headers: { Authorization: 'Bearer hunter2secret' } },
  { url: 'https://a/', headers: { 'X-Thing': 'eyJhbGciOiJI.eyJzdWIiOiIx.hunter2secret' } },
  { url: 'https://me:hunter2secret@a/' },
  { url: 'https://a/?token=hunter2secret' },
  { command: 'x', env: { GITHUB_TOKEN: 'hunter2secret' } },
  { command: 'x', args: ['--api-key', 'hunter2secret'] },
])('a secret in it is refused, with the way to set it, and is not repeated: %j', (server) => {
  const message = refused({ mcpServers: { one: server } });
  expect(message).toContain('sealgate connections set one');
  expect(message).not.toContain('hunter2secret');
});

test('everything wrong is said at once', () => {
  const message = refused({
    mcpServers: {
      'My Server': { command: 'x' },
      old: { type: 'sse', url: 'http://a/' },
      odd: { command: 'x', autoApprove: [], alwaysAllow: [] },
      both: { command: 'x', url: 'http://a/' },
      none: {},
      plain: { url: 'http://a/', headers: { Accept: 'x' } },
      env: { command: 'x', env: { A: 1 } },
    },
  });
  expect(message.split('\n').slice(1)).toEqual([
    expect.stringContaining('call it "my-server"'),
    expect.stringContaining('HTTP+SSE'),
    '- server "odd": unknown "autoApprove", "alwaysAllow"',
    expect.stringContaining('both a command and a url'),
    expect.stringContaining('needs a command or a url'),
    expect.stringContaining('header Accept is not sent'),
    expect.stringMatching(/server "env": env\.A: /),
  ]);
});

test('a disabled server and what is not expanded are told', () => {
  const { upstreams, warnings } = parse({
    servers: { off: { command: 'x', disabled: true }, on: { command: 'x', args: ['${HOME}'] } },
    inputs: [{ id: 'a' }],
  });
  expect(upstreams.map(({ name }) => name)).toEqual(['on']);
  expect(warnings).toEqual([
    expect.stringContaining('inputs'),
    expect.stringContaining('"off" is disabled'),
    expect.stringContaining('not expanded'),
  ]);
});

test('what is no such file is refused, without its text', () => {
  expect(() => parseServersFile('{"mcpServers": hunter2secret', 'mcp.json')).toThrow(/not JSON/);
  expect(() => parseServersFile('{"mcpServers": hunter2secret', 'mcp.json')).not.toThrow(/hunter2/);
  expect(refused([])).toContain('mcp.json is refused');
  expect(refused({ mcpServers: {}, servers: {} })).toContain('keep one');
  expect(refused({ other: {} })).toContain('unknown "other"');
  expect(
    refused({
      mcpServers: Object.fromEntries(Array.from({ length: 201 }, (_, n) => [`s${n}`, { command: 'x' }])),
    }),
  ).toContain('more than 200');
  expect(() => parseServersFile(' '.repeat(1024 * 1024 + 1), 'mcp.json')).toThrow(/larger/);
});
