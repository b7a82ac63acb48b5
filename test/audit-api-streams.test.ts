import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Entry } from '@sealgate/vault';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openAudited, tenants, type Audited } from './fixtures/audited.ts';

// Answers that take long: what becomes of them when whoever asked goes away, is removed, or asks for too many.

const recorded = 30_000;
let stage: Audited;
let token: string;
beforeAll(async () => {
  stage = await openAudited();
  const context = {
    tenant: tenants.ours,
    actor: { type: 'client', id: 'x'.repeat(200) },
    source: 'mcp',
    correlation: 'r1',
    agent: 'a'.repeat(200),
  } as const;
  const { audit } = stage.server.ground;
  for (let nth = 0; nth < recorded; nth += 1) {
    // What is strict takes along what is queued, so that the queue of outcomes never fills.
    const cls = nth % 500 === 0 ? 'strict' : 'async';
    const { entry } = await audit.record(cls, context, { act: 'tool.call', object: `upstream:${nth}` });
    audit.outcome(entry, context, { out: 'success' });
  }
  token = await stage.auditor('reader', '*');
}, 120_000);
afterAll(() => stage.close());

/** Begin to read an export, and take nothing of it. */
async function begun(target: string, as = token): Promise<{ answer: IncomingMessage; leave: () => void }> {
  const asked = request(`${stage.server.origin}${target}`, {
    agent: false,
    headers: { authorization: `Bearer ${as}` },
  });
  asked.on('error', () => undefined).end();
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  answer.on('error', () => undefined);
  return { answer, leave: () => asked.destroy() };
}

/** How exports ended that this auditor asked for, once all have. */
async function ends(name: string, count: number): Promise<(string | undefined)[]> {
  for (;;) {
    await stage.calls(tenants.theirs, 1);
    const { body } = await stage.get(`/audit/export?act=audit.export&actor=auditor:${name}`, await fresh());
    const lines = body
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Entry);
    const outcomes = lines.filter(({ cause }) => cause !== undefined).map(({ out }) => out);
    if (outcomes.length >= count) return outcomes;
    await sleep(50);
  }
}

let others = 0;
const fresh = (): Promise<string> => stage.auditor(`look-${(others += 1)}`, '*');

it('nobody who has gone is read on for, and the log says that they left', async () => {
  const { leave } = await begun('/audit/export?format=jsonl');
  leave();
  expect(await ends('reader', 1)).toEqual(['aborted']);
}, 60_000);

it('an export breaks off when its auditor is removed meanwhile, and is not taken for whole', async () => {
  const leaving = await stage.auditor('leaving', '*');
  const { answer } = await begun('/audit/export?format=jsonl', leaving);
  await stage.server.operations.call('audit.auditor.remove', { name: 'leaving' });
  // Longer than the gateway trusts what it knew.
  await sleep(1100);
  let taken = 0;
  answer.on('data', (chunk: Buffer) => (taken += chunk.length));
  await new Promise((resolve) => answer.once('close', resolve));
  expect([answer.complete, taken > 0]).toEqual([false, true]);
  expect(await ends('leaving', 1)).toEqual(['failure']);
}, 60_000);

it('an auditor has so many questions under way, and no more', async () => {
  const busy = await stage.auditor('busy', '*');
  const running = await Promise.all([1, 2, 3, 4].map(() => begun('/audit/export', busy)));
  const refused = await stage.get('/audit/stats', busy);
  expect([refused.status, refused.headers['retry-after']]).toEqual([503, '1']);
  expect((await stage.get('/audit/log/policy.json', busy)).status).toBe(200);
  for (const { leave } of running) leave();
  await ends('busy', 4);
  expect((await stage.get('/audit/events?limit=1', busy)).status).toBe(200);
}, 60_000);

it('an export is whole and in order', async () => {
  const { answer } = await begun(`/audit/export?format=jsonl&tenant=${tenants.ours}&act=tool.call`);
  let text = '';
  for await (const chunk of answer.setEncoding('utf8') as AsyncIterable<string>) text += chunk;
  const objects = text
    .trimEnd()
    .split('\n')
    .flatMap((line) => (JSON.parse(line) as Entry).obj ?? []);
  expect(objects).toEqual(Array.from({ length: recorded }, (_, nth) => `upstream:${nth}`));
}, 60_000);
