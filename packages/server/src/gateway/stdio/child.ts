import { randomUUID } from 'node:crypto';
import { Client, type DiscoverResult, type McpSubscription } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import type { StdioUpstream } from '../../domain/upstream.ts';
import type { Log } from '../../log.ts';
import { logLines } from './child-log.ts';
import { endProcess, endStrays } from './end-process.ts';
import { markName } from './family.ts';
import { scrubMessage, type Scrub } from '../link/scrub-message.ts';
import { notStarted } from './start-failure.ts';

// One child process and the MCP connection to it. No client capability is declared to a child: it may be shared, so
// nothing it asks could be answered for one person. Its whole environment is a few names of ours (PATH, HOME, USER,
// LOGNAME, SHELL, TERM), a mark, and what is given here; no shell is involved.

/** What is remembered of a child's protocol era. A modern one is reached without a probe by its discover result. */
export type Era = { readonly era: 'legacy' } | { readonly era: 'modern'; readonly discover: DiscoverResult };

/** A notification as the child wrote it. */
export interface Notice {
  readonly method: string;
  readonly params?: Readonly<Record<string, unknown>>;
}

/** How one request is sent to a child. */
export interface Sending {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  /** Called with the child's progress, without a token. `undefined`: none was asked for. */
  readonly onProgress: ((progress: Readonly<Record<string, unknown>>) => void) | undefined;
}

/** What is needed to start one. */
export interface ChildParts {
  readonly upstream: StdioUpstream;
  /** The lent credential; joins the upstream's plain settings and wins over them. */
  readonly environment: Readonly<Record<string, string>>;
  /** `undefined`: not known yet; found out by a probe, which starts the command twice. */
  readonly known: Era | undefined;
  readonly version: string;
  readonly startTimeoutMs: number;
  readonly log: Log;
  /** Removes the lent credential from everything the child says. */
  readonly scrub: Scrub;
  readonly onNotice: (notice: Notice) => void;
  readonly onEnd: () => void;
}

/** A started child. */
export interface Child {
  /** Process id; `undefined` once it has ended. */
  readonly pid: number | undefined;
  readonly era: Era;
  /** What it says of itself: an initialize result without the protocol version. */
  readonly introduction: Readonly<Record<string, unknown>>;
  /** @throws whatever the SDK throws; `explain` of relay.ts turns it into an answer */
  request(
    method: string,
    params: Readonly<Record<string, unknown>> | undefined,
    sending: Sending,
  ): Promise<unknown>;
  /** Watch a resource in the way of the child's era. Returns how to stop. */
  watch(uri: string, timeoutMs: number): Promise<() => Promise<void>>;
  /** End it and what it started: close its input, SIGTERM after 0.3 s, SIGKILL after 1 s. Resolves when they are gone. */
  close(): Promise<void>;
}

const passThrough = {
  '~standard': { version: 1 as const, vendor: 'sealgate', validate: (value: unknown) => ({ value }) },
};

/**
 * Start a child and shake hands.
 *
 * @throws Refusal `upstream_unavailable`; the message says what to change
 */
export async function startChild(parts: ChildParts): Promise<Child> {
  const { upstream, scrub } = parts;
  const mark = randomUUID();
  const transport = new StdioClientTransport({
    command: upstream.command,
    args: [...upstream.args],
    env: { ...upstream.env, ...parts.environment, [markName]: mark },
    stderr: 'pipe',
    ...(upstream.cwd === undefined ? {} : { cwd: upstream.cwd }),
  });
  const stderr = logLines(transport.stderr, upstream.name, parts.log, scrub);
  const progress: Progress = new Map();
  let introduction: Record<string, unknown> | undefined;
  // The client keeps a listener that stands here first, so that what the child wrote is seen as it was written.
  transport.onmessage = (message) => {
    scrubMessage(message, scrub);
    if ('result' in message) introduction ??= message.result;
    else if ('method' in message && !('id' in message)) hear(message, progress, parts.onNotice);
  };
  const client = new Client(
    { name: 'sealgate', version: parts.version },
    { capabilities: {}, versionNegotiation: { mode: 'auto' } },
  );
  let ending = false;
  const end = (): Promise<void> => {
    ending = true;
    return endProcess(client, transport.pid, mark);
  };
  client.onclose = () => {
    if (!ending) endStrays(null, mark);
    parts.onEnd();
  };
  try {
    await client.connect(transport, {
      timeout: parts.startTimeoutMs,
      ...(parts.known === undefined ? {} : { prior: prior(parts.known) }),
    });
  } catch (error) {
    await end().catch(() => undefined);
    throw notStarted(upstream, error, stderr.last());
  }
  if (parts.known === undefined) endStrays(transport.pid, mark);
  return running(client, transport, { introduction: introduction ?? {}, progress, end });
}

type Values = Readonly<Record<string, unknown>>;
type Progress = Map<number, (progress: Values) => void>;

// Progress is given to its request here and not by the client, which drops a progress that is read in one piece with
// the result.
function hear(
  message: { method: string; params?: Record<string, unknown> | undefined },
  progress: Progress,
  onNotice: ChildParts['onNotice'],
): void {
  if (message.method === 'notifications/progress') {
    const { progressToken, ...rest } = message.params ?? {};
    progress.get(Number(progressToken))?.(rest);
  } else if (!internal.has(message.method)) onNotice(withoutSubscription(message));
}

const internal = new Set(['notifications/cancelled', 'notifications/subscriptions/acknowledged']);

function running(
  client: Client,
  transport: StdioClientTransport,
  said: { introduction: Values; progress: Progress; end: () => Promise<void> },
): Child {
  const discover = client.getDiscoverResult();
  const modern = client.getProtocolEra() === 'modern' && discover !== undefined;
  if (modern) void listenForLists(client, discover);
  let lastToken = 0;
  return {
    get pid() {
      return transport.pid ?? undefined;
    },
    era: modern ? { era: 'modern', discover } : { era: 'legacy' },
    introduction: modern ? introduced(client) : withoutVersion(said.introduction),
    request: (method, params, { signal, timeoutMs, onProgress }) => {
      const sending = { signal, timeout: timeoutMs, allowInputRequired: true };
      if (onProgress === undefined)
        return client.request({ method, ...(params === undefined ? {} : { params }) }, passThrough, sending);
      const token = (lastToken += 1);
      said.progress.set(token, onProgress);
      const marked = {
        ...params,
        _meta: { ...(params?.['_meta'] as Values | undefined), progressToken: token },
      };
      return client
        .request({ method, params: marked }, passThrough, sending)
        .finally(() => said.progress.delete(token));
    },
    watch: async (uri, timeoutMs) => {
      if (modern)
        return stopOf(await client.listen({ resourceSubscriptions: [uri] }, { timeout: timeoutMs }));
      const ask = (method: string) =>
        client.request({ method, params: { uri } }, passThrough, { timeout: timeoutMs });
      await ask('resources/subscribe');
      return async () => void (await ask('resources/unsubscribe'));
    },
    close: said.end,
  };
}

function stopOf(subscription: McpSubscription): () => Promise<void> {
  return () => subscription.close();
}

async function listenForLists(client: Client, { capabilities }: DiscoverResult): Promise<void> {
  const filter = {
    ...(capabilities.tools?.listChanged === true ? { toolsListChanged: true as const } : {}),
    ...(capabilities.prompts?.listChanged === true ? { promptsListChanged: true as const } : {}),
    ...(capabilities.resources?.listChanged === true ? { resourcesListChanged: true as const } : {}),
  };
  // A child that declares changes and refuses to tell them is served without them.
  if (Object.keys(filter).length > 0) await client.listen(filter).catch(() => undefined);
}

function introduced(client: Client): Record<string, unknown> {
  const instructions = client.getInstructions();
  return {
    capabilities: client.getServerCapabilities() ?? {},
    serverInfo: client.getServerVersion() ?? { name: 'unnamed', version: '0' },
    ...(instructions === undefined ? {} : { instructions }),
  };
}

function withoutVersion({ protocolVersion: _, ...rest }: Values): Values {
  return rest;
}

function prior(known: Era) {
  return known.era === 'legacy'
    ? { kind: 'legacy' as const }
    : { kind: 'modern' as const, discover: known.discover };
}

function withoutSubscription({
  method,
  params,
}: {
  method: string;
  params?: Record<string, unknown> | undefined;
}): Notice {
  if (params === undefined) return { method };
  const meta = params['_meta'];
  if (typeof meta !== 'object' || meta === null || !(subscriptionKey in meta)) return { method, params };
  const { [subscriptionKey]: _, ...others } = meta as Record<string, unknown>;
  const { _meta, ...rest } = params;
  return { method, params: Object.keys(others).length === 0 ? rest : { ...rest, _meta: others } };
}

const subscriptionKey = 'io.modelcontextprotocol/subscriptionId';
