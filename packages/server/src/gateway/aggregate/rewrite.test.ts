import { beforeEach, expect, test } from 'vitest';
import { allow } from '../allow.ts';
import { readCall } from '../call.ts';
import { readFields } from '../fields.ts';
import { ask, conversationOf, openStage, person, withTools, type Stage } from './fixtures/parts.ts';
import { publicName } from './names.ts';
import { openRewrite, type OneCall, type RewriteParts } from './rewrite.ts';

let stage: Stage;
beforeEach(async () => {
  stage = openStage({ a: { answers: withTools('a', 'echo', 'größe', 'x'.repeat(100)) } });
  await ask(stage.open(conversationOf(person(), 'modern')), 'tools/list');
});

function rewritten(
  name: string,
  more: Partial<RewriteParts> & { readonly params?: object } = {},
  caller = person(),
): OneCall | undefined {
  const meta = {
    'io.modelcontextprotocol/protocolVersion': '2026-07-28',
    'io.modelcontextprotocol/clientCapabilities': {},
  };
  const body = Buffer.from(
    JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'tools/call',
      params: { name, arguments: { n: 1 }, _meta: meta, ...more.params },
    }).replace('{"n":1}', '{"n":12345678901234567890}'),
  );
  const fields = readFields([
    'content-type',
    'application/json',
    'mcp-protocol-version',
    '2026-07-28',
    'mcp-method',
    'tools/call',
    'mcp-name',
    name,
    'mcp-param-n',
    '1',
  ]);
  const rewrite = openRewrite({
    catalog: stage.catalog,
    upstreams: {
      find: (tenant, wanted) => stage.parts.upstreams.list(tenant).find((one) => one.name === wanted),
    },
    allow,
    isModern: () => true,
    ...more,
  });
  return rewrite({ caller, call: readCall(fields, body), body, fields });
}

test.each(['echo', 'größe', 'x'.repeat(100)])(
  'a call of %s becomes the one that the upstream’s own address would have got',
  (own) => {
    const one = rewritten(publicName('a', own));
    expect(one?.upstream.name).toBe('a');
    // It passes the same checks: header and body agree.
    const again = readCall(one!.fields, one!.body);
    expect(again).toEqual(one!.call);
    expect(again.name).toBe(own);
    expect(again.mirror['mcp-param-n']).toBe('1');
    expect(Buffer.from(one!.body).toString()).toContain('12345678901234567890');
  },
);

test('a call goes the long way for what this person was not listed, may not use, or cannot be passed through', () => {
  expect(rewritten('a__hidden')).toBeUndefined();
  expect(rewritten('b__echo')).toBeUndefined();
  expect(rewritten('stores.list')).toBeUndefined();
  expect(rewritten('a__echo', {}, person('u2'))).toBeUndefined();
  expect(rewritten('a__echo', {}, person('u1', 'g2'))).toBeUndefined();
  expect(rewritten('a__echo', { isModern: () => false })).toBeUndefined();
  const denied = { allowed: false, code: 'upstream_unknown', message: 'no' } as const;
  expect(
    rewritten('a__echo', { allow: ({ want }) => (want === 'list' ? { allowed: true } : denied) }),
  ).toBeUndefined();
  expect(rewritten('a__echo', { allow: () => denied })).toBeUndefined();
  stage.catalog.drop('g1', 'a');
  expect(rewritten('a__echo')).toBeUndefined();
});

test('a call that was asked for input comes back the way it went', () => {
  const again = (requestState?: string) => ({
    params: { inputResponses: {}, ...(requestState === undefined ? {} : { requestState }) },
  });
  expect(rewritten('a__echo', again('sgs_sealed-by-the-front'))).toBeUndefined();
  stage.nowMs += 600_000;
  expect(rewritten('a__echo')).toBeUndefined();
  expect(rewritten('a__echo', again('the-upstreams-own'))?.call.name).toBe('echo');
  expect(rewritten('a__echo', again())?.call.name).toBe('echo');
  expect(rewritten('a__hidden', again('the-upstreams-own'))).toBeUndefined();
  stage.nowMs += 3_600_000;
  expect(rewritten('a__echo', again('the-upstreams-own'))).toBeUndefined();
});
