import { afterEach, describe, expect, test } from 'vitest';
import { memoryTables, type Gate } from '@sealgate/vault';
import { memoryAudit } from '../../domain/fixtures/memory-audit.ts';
import { memoryLog } from '../../domain/fixtures/memory-log.ts';
import { until } from '../../domain/fixtures/until.ts';
import type { StdioUpstream } from '../../domain/upstream.ts';
import { openEras } from '../link/eras.ts';
import { linkLimits } from '../link/limits.ts';
import { openLinks, type Links } from '../link/links.ts';
import { openSingle } from '../link/single.ts';
import { openVerdicts } from '../link/verdict.ts';
import { connectModern, openModernRoom, post, type ModernRoom } from './fixtures/modern-room.ts';

// A server of 2025-11-25 as a child process, and clients of 2026-07-28 in front.

let room: ModernRoom;
let links: Links;
afterEach(async () => {
  await room.close();
  await links.close();
});

const entry = new URL(
  '../../../../../node_modules/@modelcontextprotocol/server-everything/dist/index.js',
  import.meta.url,
).pathname;
const upstream: StdioUpstream = {
  kind: 'stdio',
  name: 'up',
  command: process.execPath,
  args: [entry],
  env: {},
  cwd: undefined,
  credential: undefined,
};

async function open(): Promise<void> {
  const now = Date.now;
  const tables = memoryTables({ now });
  const { audit } = memoryAudit();
  const gate = {
    use: () => Promise.reject(new Error('not over HTTP')),
    lendToChild: async () => ({ environment: {}, connection: undefined }),
    lends: async () => undefined,
    onChange: () => () => undefined,
  } as unknown as Pick<Gate, 'use' | 'lends' | 'lendToChild' | 'onChange'>;
  links = openLinks({
    audit,
    gate,
    now,
    version: '0.0.0',
    log: memoryLog().log,
    limits: linkLimits,
    eras: openEras(tables, now),
    verdicts: openVerdicts(tables, now),
  });
  const single = openSingle({
    audit,
    now,
    links,
    upstreams: { find: () => upstream },
    callTimeoutMs: 30_000,
  });
  room = await openModernRoom(() => single(upstream));
}

describe('a client of 2026-07-28 in front of server-everything', () => {
  test('answers by itself what is asked on the way', async () => {
    await open();
    const client = await connectModern(room, { autoFulfill: true });
    client.setRequestHandler('elicitation/create', async ({ params }) =>
      params.mode === 'url' ? { action: 'accept' } : { action: 'accept', content: { name: 'Ada Canary' } },
    );
    client.setRequestHandler('sampling/createMessage', async () => ({
      role: 'assistant',
      model: 'm',
      content: { type: 'text', text: 'sampled canary' },
    }));
    client.setRequestHandler('roots/list', async () => ({
      roots: [{ uri: 'file:///canary-root', name: 'r' }],
    }));
    const call = async (name: string, args = {}) =>
      JSON.stringify(await client.callTool({ name, arguments: args }));
    expect(await call('trigger-elicitation-request')).toContain('Ada Canary');
    expect(await call('trigger-sampling-request', { prompt: 'x', maxTokens: 5 })).toContain('sampled canary');
    expect(await call('trigger-url-elicitation', { url: 'https://example.test/' })).toMatch(/accept/i);
    expect(await call('get-roots-list')).toContain('canary-root');
    expect(links.count().children).toBe(1);
    await client.close();
  });

  test('sees the tools that its capabilities bring, and shares a child when it has none', async () => {
    await open();
    const names = async (capabilities: Record<string, unknown>, as: string) =>
      ((await post(room, 'tools/list', {}, { capabilities, as })).result['tools'] as { name: string }[]).map(
        ({ name }) => name,
      );
    expect(await names({}, 'u1/c1')).not.toContain('trigger-elicitation-request');
    expect(await names({}, 'u2/c1')).not.toContain('trigger-elicitation-request');
    expect(links.count().children).toBe(1);
    expect(await names({ elicitation: {} }, 'u1/c1')).toContain('trigger-elicitation-request');
    expect(links.count().children).toBe(2);
    await room.modern.endOf({ tenant: 'g1', subject: 'u1' });
    await until(() => links.count().children === 1);
  });

  test('keeps two people apart who are asked at the same time', async () => {
    await open();
    const params = { name: 'trigger-elicitation-request', arguments: {} };
    const people = ['u1/c1', 'u2/c1'];
    const asked = await Promise.all(people.map((as) => post(room, 'tools/call', params, { as })));
    const retries = asked.map(({ result }, at) => {
      const key = Object.keys(result.inputRequests).find(
        (name) => result.inputRequests[name]!['method'] === 'elicitation/create',
      )!;
      const answer = { action: 'accept', content: { name: `canary-${at}` } };
      return { ...params, requestState: result.requestState, inputResponses: { [key]: answer } };
    });
    const crossed = await Promise.all(
      retries.map((retry, at) => post(room, 'tools/call', retry, { as: people[1 - at]! })),
    );
    expect(crossed.map(({ error }) => error.code)).toEqual([-32602, -32602]);
    const done = await Promise.all(
      retries.map((retry, at) => post(room, 'tools/call', retry, { as: people[at]! })),
    );
    expect(
      done.map((one) =>
        JSON.stringify(one)
          .match(/canary-\d/g)
          ?.every((found) => found === 'canary-0'),
      ),
    ).toEqual([true, false]);
    expect(JSON.stringify(done[1])).toContain('canary-1');
  });

  test('gets the progress of a long call', async () => {
    await open();
    const params = { name: 'trigger-long-running-operation', arguments: { duration: 0.4, steps: 2 } };
    const { notices, result } = await post(room, 'tools/call', params, {
      capabilities: { elicitation: {} },
      meta: { progressToken: 'mine' },
    });
    expect(notices).toMatchObject([
      { params: { progressToken: 'mine' } },
      { params: { progressToken: 'mine' } },
    ]);
    expect(result['resultType']).toBe('complete');
  });
});
