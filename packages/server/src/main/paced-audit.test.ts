import { openAudit, type AuditContext } from '@sealgate/vault';
import { expect, test } from 'vitest';
import { pacedAudit } from './paced-audit.ts';

const context: AuditContext = {
  tenant: 'group-1',
  actor: { type: 'client', id: 'client-1' },
  source: 'mcp',
  correlation: 'r1',
};
const fields = { act: 'tool.call', object: 'connection:shop' } as const;

function opened() {
  const lines: string[] = [];
  const state = { behind: true, nowMs: 1 };
  const keep = (line: string): boolean => lines.push(line) > 0;
  const journal = {
    append: async (line: string) => void keep(line),
    queue: async (line: string) => void keep(line),
    offer: keep,
    stampMs: () => state.nowMs,
  };
  return { state, lines, audit: pacedAudit(openAudit({ journal }), () => state.behind) };
}

test('an attempt waits while sealing is far behind, and gets its time when it goes on', async () => {
  const { audit, state, lines } = opened();
  const written = audit.record('strict', context, fields);
  await audit.record('async', context, fields);
  audit.outcome('an attempt', context, { out: 'success', ms: 1 });
  expect(lines).toHaveLength(2);
  Object.assign(state, { nowMs: 2, behind: false });
  await written;
  expect(lines.map((line) => (JSON.parse(line) as { ts: number }).ts)).toEqual([1, 1, 2]);
});

test('it is written all the same when sealing does not catch up', async () => {
  const { audit, lines } = opened();
  await Promise.all([audit.record('strict', context, fields), audit.record('group', context, fields)]);
  expect(lines).toHaveLength(2);
});

test('nothing waits as long as sealing keeps up', async () => {
  const { audit, state, lines } = opened();
  state.behind = false;
  const written = audit.record('strict', context, fields);
  expect(lines).toHaveLength(1);
  await written;
});
