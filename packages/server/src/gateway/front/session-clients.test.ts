import {
  Client as ClientV2,
  StreamableHTTPClientTransport as TransportV2,
} from '@modelcontextprotocol/client';
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import {
  CreateMessageRequestSchema,
  ListRootsRequestSchema,
  ResultSchema,
  ToolListChangedNotificationSchema,
} from '@modelcontextprotocol/sdk/types.js';
import { afterEach, describe, expect, test } from 'vitest';
import { until } from '../../domain/fixtures/until.ts';
import { openStage, type Opened, type Stage, type StageOptions } from './fixtures/session-stage.ts';

// The clients that the world runs, against the front: what they do by themselves when a stream breaks or an instance dies.

let stage: Stage;
afterEach(() => stage.close());

const a = '/mcp/a';
const capabilities = { sampling: {}, roots: {} };
const reconnectionOptions = {
  initialReconnectionDelay: 20,
  maxReconnectionDelay: 100,
  reconnectionDelayGrowFactor: 1,
  maxRetries: 20,
};
const completion = {
  model: 'm',
  role: 'assistant' as const,
  content: { type: 'text' as const, text: 'sampled' },
};

interface Driven {
  readonly changes: () => number;
  request(method: string, params?: object, onProgress?: (progress: unknown) => void): Promise<unknown>;
  close(): Promise<void>;
}

/** @param where changes when the load balancer sends the client elsewhere */
type Drive = (where: () => string) => Promise<Driven>;

const elsewhere = (where: () => string) => (url: string | URL, init?: RequestInit) =>
  fetch(new URL(new URL(url).pathname, where()), init);

const v1: Drive = async (where) => {
  const client = new ClientV1({ name: 'v1', version: '1' }, { capabilities });
  let changes = 0;
  client.setRequestHandler(CreateMessageRequestSchema, async () => completion);
  client.setRequestHandler(ListRootsRequestSchema, async () => ({ roots: [{ uri: 'file:///v1' }] }));
  client.setNotificationHandler(ToolListChangedNotificationSchema, () => void (changes += 1));
  const transport = new TransportV1(new URL(where()), { fetch: elsewhere(where), reconnectionOptions });
  await client.connect(transport as Transport);
  return {
    changes: () => changes,
    request: (method, params, onprogress) =>
      client.request(
        { method, params: { ...params } },
        ResultSchema,
        onprogress === undefined ? {} : { onprogress },
      ),
    close: () => transport.terminateSession().then(() => client.close()),
  };
};

const passThrough = {
  '~standard': { version: 1 as const, vendor: 't', validate: (value: unknown) => ({ value }) },
};

const v2: Drive = async (where) => {
  const client = new ClientV2(
    { name: 'v2', version: '1' },
    { capabilities, versionNegotiation: { mode: 'legacy' } },
  );
  let changes = 0;
  client.setRequestHandler('sampling/createMessage', async () => completion);
  client.setRequestHandler('roots/list', async () => ({ roots: [{ uri: 'file:///v2' }] }));
  client.setNotificationHandler('notifications/tools/list_changed', () => void (changes += 1));
  const transport = new TransportV2(new URL(where()), { fetch: elsewhere(where), reconnectionOptions });
  await client.connect(transport);
  return {
    changes: () => changes,
    request: (method, params, onprogress) =>
      client.request(
        { method, params: { ...params } },
        passThrough,
        onprogress === undefined ? {} : { onprogress },
      ),
    close: () => transport.terminateSession().then(() => client.close()),
  };
};

const changed = { method: 'notifications/tools/list_changed' };
const listening = (): Promise<void> =>
  until(() => stage.opened.length > 0 && stage.opened.at(-1)!.heard.includes('notifications/initialized'));

describe.each([
  ['SDK v1', v1],
  ['SDK v2', v2],
])('%s', (_, drive) => {
  const start = async (options: StageOptions = {}): Promise<{ driven: Driven; cut: () => void }> => {
    stage = openStage(options);
    const instance = await stage.start();
    const driven = await drive(() => instance.url(a));
    await listening();
    return { driven, cut: instance.cut };
  };

  test('calls, hears news, and ends its session', async () => {
    const { driven } = await start();
    expect(await driven.request('tools/call', { name: 'x' })).toMatchObject({ echo: { name: 'x' } });
    await until(() => (stage.opened[0]!.conversation.hear(changed), driven.changes() > 0));
    await driven.close();
    expect(stage.opened[0]!.closed).toBe(true);
  });

  test('answers what the upstream asks while it works', async () => {
    const { driven } = await start({
      answers: {
        'tools/call': async ({ conversation }, { signal }) => ({
          got: [
            await conversation.ask({
              method: 'sampling/createMessage',
              params: { messages: [], maxTokens: 1 },
              signal,
            }),
            await conversation.ask({ method: 'roots/list', params: undefined, signal }),
          ],
        }),
      },
    });
    expect(await driven.request('tools/call', { name: 'x' })).toMatchObject({
      got: [completion, { roots: [{ uri: expect.stringContaining('file:///v') as string }] }],
    });
    await driven.close();
  });

  test('gets its answer although every connection breaks while it waits', async () => {
    const gate = Promise.withResolvers<void>();
    const slow = async (
      _opened: Opened,
      { onProgress }: { onProgress?: ((progress: object) => void) | undefined },
    ) => {
      onProgress?.({ progress: 1, total: 2 });
      await gate.promise;
      onProgress?.({ progress: 2, total: 2 });
      return { done: true };
    };
    const { driven, cut } = await start({ answers: { 'tools/call': slow as never } });
    const progress: unknown[] = [];
    const calling = driven.request('tools/call', { name: 'x' }, (one) => progress.push(one));
    await until(() => progress.length === 1);
    cut();
    await new Promise((resolve) => setTimeout(resolve, 50));
    gate.resolve();
    expect(await calling).toMatchObject({ done: true });
    expect(progress).toMatchObject([{ progress: 1 }, { progress: 2 }]);
    const before = driven.changes();
    stage.opened[0]!.conversation.hear(changed);
    await until(() => driven.changes() === before + 1);
    await driven.close();
  });

  test('goes on when its instance dies, and misses nothing that was said', async () => {
    stage = openStage({ resumption: { sessionId: 's' } });
    const [first, second] = [await stage.start(), await stage.start()];
    let where = first;
    const driven = await drive(() => where.url(a));
    await listening();
    await until(() => (stage.opened[0]!.conversation.hear(changed), driven.changes() > 0));
    where = second;
    first.kill();
    expect(await driven.request('tools/call', { name: 'x' })).toMatchObject({ echo: { name: 'x' } });
    await until(() => stage.opened.length === 2);
    const before = driven.changes();
    stage.opened[1]!.conversation.hear(changed);
    await until(() => driven.changes() > before);
    await driven.close();
    expect(stage.opened[1]!.closed).toBe(true);
  });
});
