import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { openEventReader } from './stdio-events.ts';
import { linesOf } from './stdio-lines.ts';
import { readLine } from './stdio-message.ts';
import { openMirror } from './stdio-mirror.ts';

async function linesIn(chunks: readonly string[], bytesMax = 100): Promise<(string | undefined)[]> {
  const lines: (string | undefined)[] = [];
  for await (const line of linesOf(Readable.from(chunks.map((chunk) => Buffer.from(chunk))), bytesMax))
    lines.push(line);
  return lines;
}

describe('lines', () => {
  it('come whole however they were cut, without their ends and without empty ones', async () => {
    expect(await linesIn(['{"a', '":1}\r\n\n', '\n{"b":2}\n{"c', '":3}'])).toEqual([
      '{"a":1}',
      '{"b":2}',
      '{"c":3}',
    ]);
  });
  it('that are too long are skipped, and the next one is read', async () => {
    expect(await linesIn(['x'.repeat(60), 'x'.repeat(60), '\nshort\n'])).toEqual([undefined, 'short']);
    expect(await linesIn([`${'x'.repeat(101)}\nshort\n`])).toEqual([undefined, 'short']);
  });
  it('are cut between bytes, not between letters', async () => {
    const bytes = Buffer.from('{"ü":"😀"}\n');
    const pieces = [...bytes].map((byte) => Buffer.from([byte]));
    const lines: (string | undefined)[] = [];
    for await (const line of linesOf(Readable.from(pieces), 100)) lines.push(line);
    expect(lines).toEqual(['{"ü":"😀"}']);
  });
});

describe('events', () => {
  it.each(['\n', '\r\n', '\r'])('are read whatever ends a line: %j', (end) => {
    const text = [': keep-alive', '', 'id: 7', 'retry: 250', 'data: {"a":', 'data:1}', '', 'x'].join(end);
    const whole = openEventReader(1000);
    expect(whole.push(text)).toEqual([{ id: '7', data: '{"a":\n1}' }]);
    expect(whole.retryMs()).toBe(250);
    const pieces = openEventReader(1000);
    expect([...text].flatMap((letter) => pieces.push(letter))).toEqual([{ id: '7', data: '{"a":\n1}' }]);
  });
  it('keep the last id, and may have no data', () => {
    const reader = openEventReader(1000);
    expect(reader.push('id: 1\n\ndata: x\n\n')).toEqual([
      { id: '1', data: '' },
      { id: '1', data: 'x' },
    ]);
  });
  it('are bounded', () => {
    const reader = openEventReader(100);
    expect(() => reader.push(`data: ${'x'.repeat(200)}`)).toThrow(/larger/);
  });
});

describe('headers of 2026-07-28', () => {
  const _meta = { 'io.modelcontextprotocol/protocolVersion': '2026-07-28' };
  it('are read out of the body', () => {
    const headers = openMirror().headersOf('tools/call', { _meta, name: 'echo', arguments: {} });
    expect(headers).toEqual({
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': 'echo',
    });
  });
  it('cannot be broken out of by a name', () => {
    for (const name of ['a\r\nx-evil: 1', 'ü', ' lead', '', '=?base64?eA==?=']) {
      const value = openMirror().headersOf('prompts/get', { _meta, name })['mcp-name'] ?? '';
      expect(value).toMatch(/^=\?base64\?[A-Za-z0-9+/=]*\?=$/);
      expect(Buffer.from(value.slice(9, -2), 'base64').toString()).toBe(name);
    }
  });
  it('mirror the arguments that a list named, and those of the newest list only', () => {
    const mirror = openMirror();
    const properties = {
      region: { type: 'string', 'x-mcp-header': 'Region' },
      deep: { type: 'object', properties: { count: { type: 'integer', 'x-mcp-header': 'Count' } } },
      bad: { type: 'string', 'x-mcp-header': 'not a token' },
    };
    mirror.learn({ tools: [{ name: 'query', inputSchema: { type: 'object', properties } }] }, true);
    const params = { _meta, name: 'query', arguments: { region: 'eu', deep: { count: 3 }, bad: 'x' } };
    expect(mirror.headersOf('tools/call', params)).toMatchObject({
      'mcp-param-Region': 'eu',
      'mcp-param-Count': '3',
    });
    expect(Object.keys(mirror.headersOf('tools/call', params))).toHaveLength(5);
    mirror.learn({ tools: [] }, true);
    expect(Object.keys(mirror.headersOf('tools/call', params))).toHaveLength(3);
  });
});

it('a line is what its members make it', () => {
  expect(readLine('{"id":1,"method":"ping"}')).toEqual({
    kind: 'request',
    id: 1,
    method: 'ping',
    params: {},
  });
  expect(readLine('{"method":"x","params":{"a":1}}')).toMatchObject({ kind: 'notification' });
  expect(readLine('{"id":1,"result":{}}').kind).toBe('response');
  for (const line of [
    undefined,
    '',
    '[]',
    '1',
    'null',
    '{}',
    '{"id":{},"method":"x"}',
    '{"id":null,"method":"x"}',
  ])
    expect(readLine(line).kind).toBe('unreadable');
});
