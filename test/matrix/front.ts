import {
  Client,
  StreamableHTTPClientTransport,
  type StandardSchemaV1,
  type SubscriptionFilter,
} from '@modelcontextprotocol/client';
import { headersOf, type Address } from '../fixtures/clients.ts';

// The client's side of the matrix: SDK v2, held to one revision, with everything a client can be asked for.

type Values = Record<string, unknown>;

/** Revisions a client may speak. */
export const revisions = ['2025-03-26', '2025-06-18', '2025-11-25', '2026-07-28'] as const;

/** One of them. */
export type Revision = (typeof revisions)[number];

/** A client that has shaken hands. */
export interface Front {
  readonly revision: Revision;
  readonly capabilities: Values;
  readonly instructions: string | undefined;
  /** Notifications outside of requests, and log messages, in order. */
  readonly heard: readonly { readonly method: string; readonly params?: unknown }[];
  /** What it was asked for, in order. */
  readonly asked: readonly { readonly method: string; readonly params?: unknown }[];
  /** The result as it came; throws what the SDK throws. */
  request(
    method: string,
    params?: Values,
    how?: { readonly signal?: AbortSignal; readonly onProgress?: (progress: unknown) => void },
  ): Promise<Values>;
  listen(filter: SubscriptionFilter): Promise<{ close(): Promise<void> }>;
  close(): Promise<void>;
}

const passThrough: StandardSchemaV1<unknown, Values> = {
  '~standard': { version: 1, vendor: 'sealgate-test', validate: (value) => ({ value: value as Values }) },
};

/** What the client answers. */
export const answers = {
  'elicitation/create': { action: 'accept', content: { name: 'Ada' } },
  'sampling/createMessage': {
    role: 'assistant',
    model: 'matrix-model',
    content: { type: 'text', text: 'so' },
    stopReason: 'endTurn',
  },
  'roots/list': { roots: [{ uri: 'file:///matrix', name: 'matrix' }] },
} as const;

/** Connect. */
export async function openFront(revision: Revision, address: Address): Promise<Front> {
  const modern = revision === '2026-07-28';
  const transport = new StreamableHTTPClientTransport(new URL(address.url), {
    requestInit: { headers: headersOf(address) },
  });
  const client = new Client(
    { name: 'matrix', version: '1.0.0' },
    {
      capabilities: {
        sampling: {},
        roots: { listChanged: true },
        elicitation: { form: {}, url: {} },
      },
      versionNegotiation: { mode: modern ? { pin: revision } : 'legacy' },
      ...(modern ? {} : { supportedProtocolVersions: [revision] }),
    },
  );
  const heard: { method: string; params?: unknown }[] = [];
  const asked: { method: string; params?: unknown }[] = [];
  client.fallbackNotificationHandler = async (notice) => void heard.push(notice);
  for (const [method, answer] of Object.entries(answers))
    client.setRequestHandler(method as 'roots/list', (request: { params?: unknown }) => {
      asked.push({ method, params: request.params });
      return answer as never;
    });
  await client.connect(transport);
  return {
    revision,
    capabilities: (client.getServerCapabilities() ?? {}) as Values,
    instructions: client.getInstructions(),
    heard,
    asked,
    request: (method, params, how = {}) =>
      client.request({ method, ...(params === undefined ? {} : { params }) }, passThrough, {
        timeout: 20_000,
        ...(how.signal === undefined ? {} : { signal: how.signal }),
        ...(how.onProgress === undefined ? {} : { onprogress: how.onProgress }),
      }),
    listen: (filter) => client.listen(filter),
    async close() {
      if (!modern) await transport.terminateSession().catch(() => undefined);
      await client.close();
    },
  };
}
