import assert from 'node:assert/strict';
import { describe, test } from 'vitest';
import type { AuditContext, AuditFields, Entry } from './entry.ts';
import { paramsKeeper, type TagsOf } from './kept-params.ts';
import { logKeys } from './leaf/log-keys.ts';
import { openAudit } from './record.ts';

const { tag } = logKeys(Buffer.alloc(32, 7));
const secret = 'parameter-canary-4711';
const context: AuditContext = {
  tenant: 'group-1',
  actor: { type: 'client', id: 'c1' },
  source: 'mcp',
  correlation: 'r1',
};

async function recorded(
  tagsOf: TagsOf,
  request: NonNullable<AuditFields['request']>,
  object = 'upstream:docs',
  agent = 'agent/1',
) {
  const lines: string[] = [];
  const take = async (line: string): Promise<void> => void lines.push(line);
  const audit = openAudit({
    journal: { stampMs: () => 1, append: take, queue: take, offer: () => true },
    params: paramsKeeper(tagsOf, { waitMs: 1 }),
  });
  await audit.record(
    'strict',
    { ...context, agent },
    {
      act: 'tool.call',
      object,
      service: object.slice(0, 512),
      request,
    },
  );
  assert.equal(lines.length, 1);
  assert.ok(!lines[0]!.includes(secret));
  assert.ok(Buffer.byteLength(lines[0]!) <= 8192);
  return JSON.parse(lines[0]!) as Entry;
}

test('an attempt has its parameters, tagged, and says by which policy', async () => {
  const { req, pol } = await recorded(() => tag, { method: 'tools/call', params: { q: secret, n: [1] } });
  assert.deepEqual(req, {
    method: 'tools/call',
    params: { n: [`hmac:${tag('param', '1')}`], q: `hmac:${tag('param', JSON.stringify(secret))}` },
  });
  assert.equal(pol, 1);
});

test('what a policy keeps in clear is in clear, and nothing else', async () => {
  const redaction = { version: 7, fields: { q: 'clear', gone: 'drop' } } as const;
  const params = { q: 'shoes', other: secret, gone: secret };
  const { req, pol } = await recorded(() => tag, { params, redaction });
  assert.deepEqual(req?.params, { other: `hmac:${tag('param', JSON.stringify(secret))}`, q: 'shoes' });
  assert.equal(pol, 7);
});

describe('the act goes on, and nothing but a length is kept, when the key', () => {
  const cases: readonly (readonly [string, TagsOf])[] = [
    ['was destroyed', async () => undefined],
    ['cannot be opened', () => Promise.reject(new Error('no'))],
    ['does not come', () => new Promise(() => undefined)],
  ];
  test.each(cases)('%s', async (_, tagsOf) => {
    const { req } = await recorded(tagsOf, { params: { q: secret } });
    assert.deepEqual(req?.params, { bytes: secret.length + 8, truncated: true });
  });
});

test('parameters never crowd the entry out', async () => {
  const params = { list: Array.from({ length: 130 }, (_, n) => `${secret}-${n}`) };
  const long = 'x'.repeat(1024);
  const crowded = await recorded(() => tag, { method: long, tool: long, params }, long.repeat(2), long);
  assert.deepEqual(Object.keys(crowded.req?.params as object), ['bytes', 'digest', 'truncated']);
  const roomy = await recorded(() => tag, { params });
  assert.equal((roomy.req!.params as typeof params).list.length, 130);
});

test('a name that looks like the place of the parameters does not move them', async () => {
  const { req, obj } = await recorded(() => tag, { tool: '"params":null', params: {} }, '"params":null');
  assert.deepEqual([req, obj], [{ params: {}, tool: '"params":null' }, '"params":null']);
});

test('without a keeper no parameter is written', async () => {
  const lines: string[] = [];
  const take = async (line: string): Promise<void> => void lines.push(line);
  const audit = openAudit({ journal: { stampMs: () => 1, append: take, queue: take, offer: () => true } });
  await audit.record('strict', context, {
    act: 'tool.call',
    object: 'o',
    request: { params: { q: secret } },
  });
  assert.deepEqual((JSON.parse(lines[0]!) as Entry).req, {});
});
