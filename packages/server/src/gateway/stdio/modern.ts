import {
  createMcpHandler,
  ProtocolError,
  Server,
  type McpHttpHandler,
  type ServerCapabilities,
} from '@modelcontextprotocol/server';
import type { Child } from './child.ts';
import { contextOf, type Entrant } from './front.ts';
import type { Arrival } from './legacy-session.ts';
import { methodOf } from '../methods.ts';
import { errorAnswer, relay, type RelayParts } from './relay.ts';
import { hold, type Listener, type Slot } from './slot.ts';

// The 2026-07-28 era: every request stands alone. The SDK's handler judges the envelope and writes the answer; a server
// object is made for each request, with exactly the methods that the child's capabilities declare, so that an unknown
// method gets the 404 the specification wants.

/** Answers of the modern era. */
export interface Modern {
  /** @returns the answer and what to call when it has been written */
  answer(
    arrival: Arrival,
    request: Request,
  ): Promise<{ readonly response: Response; readonly done: () => void }>;
  close(): Promise<void>;
}

const methods = [
  ['tools', ['tools/list', 'tools/call']],
  ['prompts', ['prompts/list', 'prompts/get']],
  ['resources', ['resources/list', 'resources/templates/list', 'resources/read']],
  ['completions', ['completion/complete']],
] as const;
const passThrough = {
  '~standard': {
    version: 1 as const,
    vendor: 'sealgate',
    validate: (value: unknown) => ({ value: value as Record<string, unknown> }),
  },
};
const watchedUrisMax = 100;

/** Open the modern front. */
export function openModern(parts: RelayParts): Modern {
  const arrivals = new WeakMap<Request, Arrival>();
  const handlers = new Map<Slot, McpHttpHandler>();
  const handlerOf = (slot: Slot): McpHttpHandler => {
    const known = handlers.get(slot);
    if (known !== undefined) return known;
    for (const [old, handler] of handlers)
      if (old.child === undefined && old.uses === 0) void retire(handlers, old, handler);
    const handler = createMcpHandler(({ requestInfo }) => serverFor(parts, arrivals.get(requestInfo!)!), {
      legacy: 'reject',
    });
    slot.listeners.add(publisher(handler));
    handlers.set(slot, handler);
    return handler;
  };
  return {
    async answer(arrival, request) {
      arrivals.set(request, arrival);
      const release = hold(arrival.slot, parts.now);
      let stopWatching = (): void => undefined;
      const done = (): void => {
        stopWatching();
        release();
      };
      try {
        await note(parts, arrival.entrant);
        stopWatching = await watch(parts, arrival);
        const response = await handlerOf(arrival.slot).fetch(request, { parsedBody: arrival.entrant.body });
        return { response, done };
      } catch (error) {
        done();
        throw error;
      }
    },
    async close() {
      await Promise.all([...handlers].map(([slot, handler]) => retire(handlers, slot, handler)));
    },
  };
}

async function retire(
  handlers: Map<Slot, McpHttpHandler>,
  slot: Slot,
  handler: McpHttpHandler,
): Promise<void> {
  handlers.delete(slot);
  await handler.close();
}

// What the SDK answers by itself is noted here; what goes to the child is noted by `relay`.
async function note({ audit }: RelayParts, entrant: Entrant): Promise<void> {
  const method = (entrant.body as { method?: unknown }).method;
  if (method !== 'server/discover' && method !== 'subscriptions/listen') return;
  const context = contextOf(entrant);
  const { name } = entrant.upstream;
  const receipt = await audit.record('strict', context, {
    act: methodOf(method).act,
    object: `upstream:${name}`,
    service: name,
    request: { method },
  });
  audit.outcome(receipt.entry, context, { out: 'success' });
}

async function watch({ callTimeoutMs }: RelayParts, { entrant, slot, child }: Arrival): Promise<() => void> {
  const { method, params } = entrant.body as {
    method?: unknown;
    params?: { notifications?: { resourceSubscriptions?: unknown } };
  };
  const asked = method === 'subscriptions/listen' ? params?.notifications?.resourceSubscriptions : undefined;
  if (!Array.isArray(asked)) return () => undefined;
  const uris = asked.filter((uri) => typeof uri === 'string').slice(0, watchedUrisMax);
  const watched: string[] = [];
  for (const uri of uris)
    await slot.watches.add(child, uri, callTimeoutMs).then(
      () => watched.push(uri),
      () => undefined,
    );
  return () => {
    for (const uri of watched) void slot.watches.drop(uri);
  };
}

function serverFor(parts: RelayParts, arrival: Arrival): Server {
  const { serverInfo, capabilities, instructions } = introductionOf(arrival.child);
  const server = new Server(serverInfo, {
    capabilities,
    ...(instructions === undefined ? {} : { instructions }),
  });
  for (const [capability, names] of methods)
    if (capabilities[capability] !== undefined)
      for (const method of names) relayMethod(parts, arrival, server, method);
  return server;
}

function relayMethod(
  parts: RelayParts,
  { entrant, slot, child }: Arrival,
  server: Server,
  method: string,
): void {
  server.setRequestHandler(method, { params: passThrough }, async (params, { mcpReq }) => {
    const token = mcpReq._meta?.progressToken;
    try {
      const result = await relay(parts, slot, child, {
        context: contextOf(entrant),
        subject: entrant.caller.subject,
        method,
        params: params as Record<string, unknown>,
        bytes: entrant.bytes,
        signal: mcpReq.signal,
        onProgress:
          token === undefined
            ? undefined
            : (progress) =>
                void mcpReq
                  .notify({ method: 'notifications/progress', params: { ...progress, progressToken: token } })
                  .catch(() => undefined),
      });
      return result as Record<string, unknown>;
    } catch (error) {
      const { code, message, data } = errorAnswer(error, entrant.correlation);
      throw new ProtocolError(code, message, data);
    }
  });
}

function introductionOf({ introduction }: Child) {
  return introduction as {
    serverInfo: { name: string; version: string };
    capabilities: ServerCapabilities;
    instructions?: string;
  };
}

function publisher({ notify }: McpHttpHandler): Listener {
  return {
    subject: '',
    level: undefined,
    hear: ({ method, params }) => {
      if (method === 'notifications/tools/list_changed') notify.toolsChanged();
      else if (method === 'notifications/prompts/list_changed') notify.promptsChanged();
      else if (method === 'notifications/resources/list_changed') notify.resourcesChanged();
      else if (method === 'notifications/resources/updated') notify.resourceUpdated(String(params?.['uri']));
    },
  };
}
