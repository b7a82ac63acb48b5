import { randomUUID } from 'node:crypto';
import { Client, ProtocolError, SdkError, SdkErrorCode } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import type { StdioUpstream } from '../../domain/upstream.ts';
import type { Log } from '../../log.ts';
import type { Values } from '../front/target.ts';
import { logLines } from '../stdio/child-log.ts';
import { endProcess, endStrays } from '../stdio/end-process.ts';
import { markName } from '../stdio/family.ts';
import { notStarted } from '../stdio/start-failure.ts';
import { childVerdict, priorOf, type ChildEra } from './child-era.ts';
import { listenForLists, stopWatching, withoutSubscription, withoutVersion } from './child-notices.ts';
import type { Link, LinkEvents, Sending } from './link.ts';
import { openPatience, type Patience } from './patience.ts';
import { scrubMessage, type Scrub } from './scrub-message.ts';

// The link to a child process. Its whole environment is a few names of ours (PATH, HOME, USER, LOGNAME, SHELL, TERM), a
// mark, and what is given here; no shell is involved. It is told of the capabilities that are given and no others.

/** What is needed to start one. */
export interface ChildParts {
  readonly upstream: StdioUpstream;
  /** The lent credential; joins the upstream's plain settings and wins over them. */
  readonly environment: Readonly<Record<string, string>>;
  /** `undefined`: not known yet; found out by a probe, which starts the command twice. */
  readonly known: ChildEra | undefined;
  /** Client capabilities to declare. `{}`: it may be shared, and nothing that it asks is answered. */
  readonly capabilities: Values;
  readonly version: string;
  readonly startTimeoutMs: number;
  readonly log: Log;
  /** Removes the lent credential from everything the child says. */
  readonly scrub: Scrub;
  readonly events: LinkEvents;
}

const passThrough = {
  '~standard': { version: 1 as const, vendor: 'sealgate', validate: (value: unknown) => ({ value }) },
};
/** The SDK's own clock never ends a request: a person may be asked meanwhile, see patience.ts. */
const noTimeoutMs = 2_147_483_647;

type Progress = Map<number, (progress: Values) => void>;

/**
 * Start a child and shake hands.
 *
 * @throws Refusal `upstream_unavailable`; the message says what to change
 */
export async function openChildLink(
  parts: ChildParts,
): Promise<{ readonly link: Link; readonly verdict: ChildEra }> {
  const { upstream, scrub, events, known } = parts;
  const mark = randomUUID();
  const transport = transportOf(parts, mark);
  const stderr = logLines(transport.stderr, upstream.name, parts.log, scrub);
  const progress: Progress = new Map();
  let introduction: Record<string, unknown> | undefined;
  // The client keeps a listener that stands here first, so that what the child wrote is seen as it was written.
  transport.onmessage = (message) => {
    scrubMessage(message, scrub);
    if ('result' in message) introduction ??= message.result;
    else if ('method' in message && !('id' in message)) hear(message, progress, events);
  };
  const patience = openPatience();
  const client = clientOf(parts, patience);
  let ending = false;
  const end = (): Promise<void> => {
    ending = true;
    return endProcess(client, transport.pid, mark);
  };
  client.onclose = () => {
    if (!ending) endStrays(null, mark);
    events.onEnd();
  };
  try {
    const prior = known === undefined ? {} : { prior: priorOf(known) };
    await client.connect(transport, { timeout: parts.startTimeoutMs, ...prior });
  } catch (error) {
    await end().catch(() => undefined);
    throw notStarted(upstream, error, stderr.last());
  }
  if (known === undefined) endStrays(transport.pid, mark);
  const verdict = childVerdict(client);
  if (verdict.era === 'modern') void listenForLists(client, verdict.discover);
  const said = introduced(client, verdict, introduction ?? {});
  return { link: linkOver(client, transport, { introduction: said, progress, patience, end }), verdict };
}

function transportOf({ upstream, environment }: ChildParts, mark: string): StdioClientTransport {
  return new StdioClientTransport({
    command: upstream.command,
    args: [...upstream.args],
    env: { ...upstream.env, ...environment, [markName]: mark },
    stderr: 'pipe',
    ...(upstream.cwd === undefined ? {} : { cwd: upstream.cwd }),
  });
}

function clientOf({ version, capabilities, events }: ChildParts, patience: Patience): Client {
  const client = new Client(
    { name: 'sealgate', version },
    { capabilities, versionNegotiation: { mode: 'auto' }, inputRequired: { autoFulfill: false } },
  );
  client.fallbackRequestHandler = async ({ method, params }, { mcpReq }) => {
    if (!isDeclared(method, capabilities)) throw new ProtocolError(-32601, 'Method not found');
    const asked = { method, params, signal: mcpReq.signal };
    return patience.during(events.onAsk(asked)) as Promise<Record<string, unknown>>;
  };
  return client;
}

/** Whether an upstream that knows these capabilities may ask this: `roots/list`, `sampling/…`, `elicitation/…`. */
export function isDeclared(method: string, capabilities: Values): boolean {
  return Object.hasOwn(capabilities, method.split('/', 1)[0] ?? '');
}

// Progress is given to its request here and not by the client, which drops a progress that is read in one piece with
// the result.
function hear(
  message: { method: string; params?: Record<string, unknown> | undefined },
  progress: Progress,
  events: LinkEvents,
): void {
  if (message.method === 'notifications/progress') {
    const { progressToken, ...rest } = message.params ?? {};
    progress.get(Number(progressToken))?.(rest);
  } else if (!internal.has(message.method)) events.onNotice(withoutSubscription(message));
}

const internal = new Set(['notifications/cancelled', 'notifications/subscriptions/acknowledged']);

interface Said {
  readonly introduction: Values;
  readonly progress: Progress;
  readonly patience: Patience;
  readonly end: () => Promise<void>;
}

function linkOver(client: Client, transport: StdioClientTransport, said: Said): Link {
  const era = client.getProtocolEra() === 'modern' ? 'modern' : 'legacy';
  return {
    era,
    introduction: said.introduction,
    audited: false,
    get pid() {
      return transport.pid ?? undefined;
    },
    request: (method, params, sending) => ask(client, said, { method, params }, sending),
    async notify(method, params) {
      await client.notification({ method, ...(params === undefined ? {} : { params }) });
    },
    async watch(uri, { timeoutMs }) {
      if (era === 'modern')
        return stopWatching(await client.listen({ resourceSubscriptions: [uri] }, { timeout: timeoutMs }));
      const tell = (method: string) =>
        client.request({ method, params: { uri } }, passThrough, { timeout: timeoutMs });
      await tell('resources/subscribe');
      return async () => void (await tell('resources/unsubscribe'));
    },
    resumption: () => undefined,
    leave: said.end,
    close: said.end,
  };
}

let lastToken = 0;

async function ask(
  client: Client,
  { progress, patience }: Said,
  { method, params }: { method: string; params: Values | undefined },
  { signal, timeoutMs, onProgress }: Sending,
): Promise<unknown> {
  const over = new AbortController();
  const stop = patience.limit(timeoutMs, () =>
    over.abort(new SdkError(SdkErrorCode.RequestTimeout, 'the child did not answer in time')),
  );
  const token = onProgress === undefined ? undefined : (lastToken += 1);
  if (token !== undefined && onProgress !== undefined) progress.set(token, onProgress);
  const meta = { ...(params?.['_meta'] as Values | undefined), progressToken: token };
  const sent = token === undefined ? params : { ...params, _meta: meta };
  try {
    return await client.request({ method, ...(sent === undefined ? {} : { params: sent }) }, passThrough, {
      signal: AbortSignal.any([signal, over.signal]),
      timeout: noTimeoutMs,
      allowInputRequired: true,
    });
  } finally {
    stop();
    if (token !== undefined) progress.delete(token);
  }
}

function introduced(client: Client, verdict: ChildEra, said: Values): Values {
  if (verdict.era === 'legacy') return withoutVersion(said);
  const instructions = client.getInstructions();
  return {
    capabilities: client.getServerCapabilities() ?? {},
    serverInfo: client.getServerVersion() ?? { name: 'unnamed', version: '0' },
    ...(instructions === undefined ? {} : { instructions }),
  };
}
