import { expect, test } from 'vitest';
import { covers, pathOfAddress, readAddress } from './mcp-address.ts';

const paths = ['/mcp', '/mcp/files', '/t/acme/mcp', '/t/acme/mcp/files'];

test('an address is read as it is written', () => {
  for (const path of paths) expect(pathOfAddress(readAddress(path)!)).toBe(path);
});

test.each([
  '/',
  '/mcp/',
  '/mcp/A',
  '/mcp/a/b',
  '/t//mcp',
  '/t/../mcp',
  '/t/a%2f/mcp',
  '/t/-a/mcp',
  '/mcp/..',
  '/t/a/mcp/%61',
])('no address: %s', (path) => expect(readAddress(path)).toBeUndefined());

test('a grant for all upstreams covers each of the same group, and nothing else covers another', () => {
  const covered = paths.map((path) => paths.filter((other) => covers(path, readAddress(other)!)));
  expect(covered).toEqual([
    ['/mcp', '/mcp/files'],
    ['/mcp/files'],
    ['/t/acme/mcp', '/t/acme/mcp/files'],
    ['/t/acme/mcp/files'],
  ]);
});
