import assert from 'node:assert/strict';
import fc from 'fast-check';
import { test } from 'vitest';
import { attemptText, outcomeText } from './entry-text.ts';
import type { AuditContext, AuditFields } from './entry.ts';

const stamp = { id: '01a20000-0000-7000-8000-000000000000', ts: 1, cls: 'strict' } as const;
const context: AuditContext = {
  tenant: 'group-1',
  actor: { type: 'client', id: 'c1' },
  source: 'mcp',
  correlation: 'r1',
};

/** Names sorted by UTF-16 code units at every depth, no spaces: RFC 8785 for what entries hold. */
function canonical(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const names = Object.keys(value).sort();
  const members = names.map(
    (name) => `${JSON.stringify(name)}:${canonical((value as Record<string, unknown>)[name])}`,
  );
  return `{${members.join(',')}}`;
}

const wild = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 5000 }),
  fc.string({
    unit: fc.constantFrom('\u0000', '\ud800', '\udc00', '😀', 'ü', '"', '\n', 'a'),
    maxLength: 5000,
  }),
);

test('whatever the fields hold, the text is one well-formed canonical line of up to 8 KiB', () => {
  fc.assert(
    fc.property(wild, wild, wild, fc.double(), (object, tool, agent, bytes) => {
      const fields: AuditFields = {
        act: 'tool.call',
        object,
        service: tool,
        request: { method: agent, tool, bytes },
      };
      const text = attemptText(stamp, { ...context, agent, ip: tool }, fields);
      const result = outcomeText(stamp, stamp.id, context, { out: 'error', code: tool, ms: bytes, bytes });
      for (const line of [text, result]) {
        assert.ok(Buffer.byteLength(line) <= 8192);
        assert.ok(!line.includes('\n') && Buffer.from(line).toString() === line);
        assert.equal(canonical(JSON.parse(line)), line);
        assert.doesNotMatch(line, /\\ud[89a-f]/);
      }
    }),
    { numRuns: 300 },
  );
});

test('text that fits stands as it is, and nothing is flagged', () => {
  const object = `${'ü'.repeat(1000)}`;
  const entry = JSON.parse(attemptText(stamp, context, { act: 'tool.call', object })) as Record<
    string,
    unknown
  >;
  assert.equal(entry.obj, object);
  assert.equal('cut' in entry, false);
});

test.each([
  ['longer than allowed', 'x'.repeat(3000)],
  ['not well-formed', 'shop\ud800'],
])('a field that is %s ends in … and is flagged', (_, object) => {
  const entry = JSON.parse(attemptText(stamp, context, { act: 'tool.call', object })) as {
    obj: string;
    cut: boolean;
  };
  assert.ok(entry.obj.endsWith('…'));
  assert.ok(entry.obj.length > 4);
  assert.equal(entry.cut, true);
});

test.each([NaN, Infinity, -1, 2 ** 60])('the number %s is left out and flagged', (ms) => {
  const entry = JSON.parse(outcomeText(stamp, stamp.id, context, { out: 'success', ms })) as Record<
    string,
    unknown
  >;
  assert.equal('ms' in entry, false);
  assert.equal(entry.cut, true);
});

test('a field nobody declared is not written', () => {
  const loose = {
    act: 'tool.call',
    object: 'o',
    password: 'findme',
    request: { tool: 't', params: { key: 'findme' } },
  };
  assert.doesNotMatch(attemptText(stamp, context, loose as unknown as AuditFields), /findme/);
});
