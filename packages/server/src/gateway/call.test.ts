import { createMcpHandler, McpServer } from '@modelcontextprotocol/server';
import { describe, expect, it } from 'vitest';
import { readCall, readSessionCall, type Call, type Sighted } from './call.ts';
import { codeOf } from './fixtures/code-of.ts';
import { readFields } from './fields.ts';

type Headers = Readonly<Record<string, string>>;

const version = 'io.modelcontextprotocol/protocolVersion';
const capabilities = 'io.modelcontextprotocol/clientCapabilities';
const meta = { [version]: '2026-07-28', [capabilities]: {} };
const json: Headers = { 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };
const modern = (method: string, name?: string): Headers => ({
  ...json,
  'MCP-Protocol-Version': '2026-07-28',
  'Mcp-Method': method,
  ...(name === undefined ? {} : { 'Mcp-Name': name }),
});
const request = (method: string, params?: object) => ({
  jsonrpc: '2.0',
  id: 7,
  method,
  ...(params ? { params } : {}),
});
const echo = (name = 'echo') => request('tools/call', { name, arguments: { text: 'hi' }, _meta: meta });

const read = (headers: Headers, body: unknown): Call =>
  readCall(
    readFields(Object.entries(headers).flat()),
    Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
  );

describe('a call of 2026-07-28', () => {
  it('is what its body says, with the headers that were compared and no others', () => {
    const call = read(
      { ...modern('tools/call', 'echo'), 'Mcp-Param-Region': 'eu', 'Mcp-Session-Id': 'x', 'X-Evil': '1' },
      echo(),
    );
    expect(call).toMatchObject({ era: 'modern', kind: 'request', id: 7, method: 'tools/call', name: 'echo' });
    expect(call.is).toEqual({ act: 'tool.call', nameIn: 'name', longLived: false });
    expect(call.mirror).toEqual({
      'mcp-protocol-version': '2026-07-28',
      'mcp-method': 'tools/call',
      'mcp-name': 'echo',
      'mcp-param-region': 'eu',
    });
  });

  it('is sighted before it is refused, so that the refusal can say whose it is', () => {
    const seen: Sighted[] = [];
    const body = request('tools/list', { _meta: { ...meta, [version]: `v999${'9'.repeat(100)}` } });
    const bytes = Buffer.from(JSON.stringify(body));
    const fields = readFields(Object.entries(json).flat());
    expect(codeOf(() => readCall(fields, bytes, (sighted) => void seen.push(sighted)))).toBe(
      'era_unsupported',
    );
    expect(seen).toEqual([{ id: 7, revision: `v999${'9'.repeat(28)}` }]);
  });

  it('may name a resource in base64, and the header goes on as it came', () => {
    const uri = 'file:///täglich/日本';
    const header = `=?base64?${Buffer.from(uri).toString('base64')}?=`;
    const call = read(modern('resources/read', header), request('resources/read', { uri, _meta: meta }));
    expect(call.name).toBe(uri);
    expect(call.mirror['mcp-name']).toBe(header);
  });

  it('does not pass on a name that stands in the header alone', () => {
    const call = read(modern('tools/list', 'admin'), request('tools/list', { _meta: meta }));
    expect(call.mirror).not.toHaveProperty('mcp-name');
    expect(
      read(modern('tools/call', 'admin'), request('tools/call', { _meta: meta })).mirror,
    ).not.toHaveProperty('mcp-name');
  });

  it('of an unknown method passes as other', () => {
    expect(read(modern('acme/thing'), request('acme/thing', { _meta: meta })).is.act).toBe('mcp.other');
    expect(read(modern('constructor'), request('constructor', { _meta: meta })).is.act).toBe('mcp.other');
  });

  it('carries its progress token and knows a stream that stays open', () => {
    const listen = request('subscriptions/listen', { _meta: { ...meta, progressToken: 'p1' } });
    const call = read(modern('subscriptions/listen'), listen);
    expect(call.progressToken).toBe('p1');
    expect(call.is.longLived).toBe(true);
  });

  it('is refused when a header comes twice, whatever the values', () => {
    for (const name of [
      'Mcp-Method',
      'mcp-name',
      'MCP-Protocol-Version',
      'Content-Type',
      'Mcp-Session-Id',
      'Mcp-Param-A',
    ])
      expect(codeOf(() => readFields([name, 'a', 'X', 'y', name.toUpperCase(), 'a']))).toBe(
        'header_mismatch',
      );
  });

  it('is refused when a header has a control character', () => {
    for (const bad of ['a\r\nX-Injected: 1', 'a\nb', 'a\0b', 'a\u007fb', '\u2028'])
      expect(codeOf(() => readFields(['Mcp-Name', bad]))).toBe('header_mismatch');
  });
});

describe('a call of an older revision', () => {
  it('is legacy without an envelope, and its MCP-Method header does not go on unchecked', () => {
    const call = read(
      { ...json, 'MCP-Protocol-Version': '2025-11-25', 'Mcp-Method': 'tools/list' },
      request('tools/call', { name: 'a' }),
    );
    expect(call).toMatchObject({
      era: 'legacy',
      method: 'tools/call',
      name: 'a',
      mirror: { 'mcp-protocol-version': '2025-11-25' },
    });
    expect(Object.keys(call.mirror)).toHaveLength(1);
  });

  it('may be a notification or a response', () => {
    expect(read(json, { jsonrpc: '2.0', method: 'notifications/initialized' })).toMatchObject({
      kind: 'notification',
      id: undefined,
    });
    expect(read(json, { jsonrpc: '2.0', id: 0, result: {} })).toMatchObject({
      kind: 'response',
      id: 0,
      is: { act: 'mcp.answer' },
    });
    expect(read(json, { jsonrpc: '2.0', id: 's', error: { code: 1, message: '' } })).toMatchObject({
      kind: 'response',
      id: 's',
    });
  });

  it.each(['2024-11-05', '2025-12-01', '1.0', ''])(
    'is refused under a revision nobody knows: %s',
    (revision) => {
      expect(codeOf(() => read({ ...json, 'MCP-Protocol-Version': revision }, request('ping')))).toBe(
        'version_unsupported',
      );
    },
  );

  it('opens its stream with GET and ends with DELETE, which 2026-07-28 does not have', () => {
    const fields = (revision: string) => readFields(['MCP-Protocol-Version', revision]);
    expect(readSessionCall(fields('2025-06-18'), 'stream')).toMatchObject({
      era: 'legacy',
      is: { longLived: true },
    });
    expect(readSessionCall(fields('2025-06-18'), 'close')).toMatchObject({
      era: 'legacy',
      is: { act: 'session.close' },
    });
    expect(codeOf(() => readSessionCall(fields('2026-07-28'), 'stream'))).toBe('method_not_allowed');
    expect(codeOf(() => readSessionCall(fields('1'), 'close'))).toBe('version_unsupported');
  });
});

describe('a message', () => {
  it.each([
    { jsonrpc: '1.0', id: 1, method: 'ping' },
    { id: 1, method: 'ping' },
    { jsonrpc: '2.0', id: null, method: 'ping' },
    { jsonrpc: '2.0', id: 1.5, method: 'ping' },
    { jsonrpc: '2.0', id: 2 ** 60, method: 'ping' },
    { jsonrpc: '2.0', id: {}, method: 'ping' },
    { jsonrpc: '2.0', id: 1, method: '' },
    { jsonrpc: '2.0', id: 1, method: 'x'.repeat(257) },
    { jsonrpc: '2.0', id: 1, method: 'a\ud800' },
    { jsonrpc: '2.0', id: 1, method: ['ping'] },
    { jsonrpc: '2.0', id: 1, method: 'ping', params: [] },
    { jsonrpc: '2.0', id: 1, method: 'ping', params: { _meta: 1 } },
    { jsonrpc: '2.0', id: 1, method: 'ping', result: {} },
    { jsonrpc: '2.0', id: 1 },
    { jsonrpc: '2.0', id: 1, result: {}, error: {} },
  ])('that is not one JSON-RPC 2.0 message is refused (%#)', (body) => {
    expect(codeOf(() => read(json, body))).toBe('message_invalid');
  });

  it('whose names differ from the protocol only in case is refused, at the top and in params', () => {
    expect(codeOf(() => read(json, { ...request('ping'), Method: 'tools/call' }))).toBe('duplicate_key');
    expect(codeOf(() => read(json, request('tools/call', { name: 'a', Name: 'b' })))).toBe('duplicate_key');
    expect(
      codeOf(() => read(json, request('tools/call', { name: 'a', arguments: { Name: 'b', name: 'c' } }))),
    ).toBe('accepted');
  });

  it.each([
    'text/plain',
    'application/json; charset=utf-16',
    'application/json, text/plain',
    'application/jsonx',
    '',
  ])('of another media type is refused: %s', (type) => {
    expect(codeOf(() => read({ ...json, 'Content-Type': type }, request('ping')))).toBe(
      'media_type_unsupported',
    );
  });

  it('may say that it is JSON in UTF-8 in any spelling', () => {
    for (const type of [
      'application/json',
      'Application/JSON; charset=UTF-8',
      'application/json;charset="utf-8"',
    ])
      expect(codeOf(() => read({ ...json, 'Content-Type': type }, request('ping')))).toBe('accepted');
  });
});

describe('a bad request gets the JSON-RPC code that the SDK gives it', () => {
  const handler = createMcpHandler(() => new McpServer({ name: 'x', version: '1' }), { legacy: 'reject' });
  const rpc: Readonly<Record<string, number>> = {
    header_mismatch: -32020,
    envelope_invalid: -32602,
    era_unsupported: -32022,
    message_invalid: -32600,
    batch_unsupported: -32600,
    body_invalid: -32700,
    media_type_unsupported: -32000,
  };
  const without = (headers: Headers, name: string): Headers =>
    Object.fromEntries(Object.entries(headers).filter(([key]) => key !== name));
  const call = modern('tools/call', 'echo');

  it.each<[string, Headers, unknown]>([
    ['no version header', without(call, 'MCP-Protocol-Version'), echo()],
    ['no method header', without(call, 'Mcp-Method'), echo()],
    ['no name header', without(call, 'Mcp-Name'), echo()],
    ['another version', { ...call, 'MCP-Protocol-Version': '2025-11-25' }, echo()],
    ['another method', { ...call, 'Mcp-Method': 'tools/list' }, echo()],
    ['another method in another case', { ...call, 'Mcp-Method': 'Tools/Call' }, echo()],
    ['another name', { ...call, 'Mcp-Name': 'delete' }, echo()],
    [
      'another name in base64',
      { ...call, 'Mcp-Name': `=?base64?${Buffer.from('delete').toString('base64')}?=` },
      echo(),
    ],
    ['broken base64', { ...call, 'Mcp-Name': '=?base64?%%%?=' }, echo()],
    ['base64 that is not UTF-8', { ...call, 'Mcp-Name': '=?base64?/w==?=' }, echo()],
    ['base64 with loose bits', { ...call, 'Mcp-Name': '=?base64?ZWNobx==?=' }, echo('nothing')],
    ['no envelope', call, request('tools/call', { name: 'echo' })],
    [
      'an envelope that is no text',
      call,
      request('tools/call', { name: 'echo', _meta: { ...meta, [version]: 1 } }),
    ],
    [
      'initialize under a modern header',
      modern('initialize'),
      request('initialize', { protocolVersion: '2025-11-25' }),
    ],
    [
      'a later revision',
      { ...call, 'MCP-Protocol-Version': '2027-01-01' },
      request('tools/call', { name: 'echo', _meta: { ...meta, [version]: '2027-01-01' } }),
    ],
    [
      'an older revision in the envelope',
      { ...call, 'MCP-Protocol-Version': '2025-11-25' },
      request('tools/call', { name: 'echo', _meta: { ...meta, [version]: '2025-11-25' } }),
    ],
    ['a response', call, { jsonrpc: '2.0', id: 1, result: {} }],
    ['a batch', call, [echo()]],
    ['no JSON-RPC', call, { hello: 1 }],
    ['no JSON', call, '{'],
    ['another media type', { ...call, 'Content-Type': 'text/plain' }, echo()],
    [
      'a notification with another method',
      { ...call, 'Mcp-Method': 'ping' },
      { jsonrpc: '2.0', method: 'notifications/cancelled', params: { _meta: meta } },
    ],
  ])('%s', async (_, headers, body) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    const direct = await handler.fetch(
      new Request('http://localhost/mcp', { method: 'POST', headers, body: text }),
    );
    const { error } = (await direct.json()) as { readonly error: { readonly code: number } };
    expect(rpc[codeOf(() => read(headers, text))]).toBe(error.code);
  });
});
