import { randomUUID } from 'node:crypto';
import { SdkError, SdkErrorCode, type Client } from '@modelcontextprotocol/client';
import type { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import type { Values } from '../front/target.ts';
import { logLines } from '../stdio/child-log.ts';
import { endProcess, endStrays } from '../stdio/end-process.ts';
import { notStarted } from '../stdio/start-failure.ts';
import { boundChild } from './child-bounds.ts';
import type { ChildParts } from './child-parts.ts';
import { childClient, childTransport, hear, type Progress } from './child-client.ts';
import { learnt, priorOf, SilentInEra, type ChildEras, type Era } from './child-era.ts';
import { listenForLists, stopWatching, withoutVersion } from './child-notices.ts';
import type { Link, Sending } from './link.ts';
import { openPatience, type Patience } from './patience.ts';
import { scrubMessage } from './scrub-message.ts';

// The link to a child process. Its whole environment is a few names of ours (PATH, HOME, USER, LOGNAME, SHELL, TERM), a
// mark, and what is given here; no shell is involved. It is told of the capabilities that are given and no others.

const passThrough = {
  '~standard': { version: 1 as const, vendor: 'sealgate', validate: (value: unknown) => ({ value }) },
};
/** The SDK's own clock never ends a request: a person may be asked meanwhile, see patience.ts. */
const noTimeoutMs = 2_147_483_647;

/**
 * Start a child and shake hands.
 *
 * @throws Refusal `upstream_unavailable`; the message says what to change. SilentInEra when it may speak the other era
 */
export async function openChildLink(
  parts: ChildParts,
): Promise<{ readonly link: Link; readonly found: ChildEras }> {
  const { upstream, scrub, events, known, era } = parts;
  const mark = randomUUID();
  const transport = childTransport(parts, mark);
  const stderr = logLines(transport.stderr, upstream.name, parts.log, scrub);
  const progress: Progress = new Map();
  let introduction: Record<string, unknown> | undefined;
  let ending = false;
  const bounds = boundChild(transport, upstream.name);
  // The client keeps a listener that stands here first, so that what the child wrote is seen as it was written; what
  // throws here does not get to the client.
  transport.onmessage = (message) => {
    if (ending) throw new Error('the child is being ended');
    if (bounds.floods()) return drown();
    scrubMessage(message, scrub);
    if ('result' in message) introduction ??= message.result;
    else if ('method' in message && !('id' in message)) hear(message, progress, events);
  };
  const patience = openPatience();
  const client = childClient(parts, patience);
  const end = (): Promise<void> => {
    ending = true;
    return endProcess(client, transport.pid, mark);
  };
  const drown = (): void => {
    parts.log.warn({ upstream: upstream.name }, 'a child is ended: it says more than anybody can take');
    endStrays(null, mark);
    void end().catch(() => undefined);
  };
  client.onclose = () => {
    if (!ending) endStrays(null, mark);
    events.onEnd();
  };
  const prior = priorOf(era, known);
  try {
    await client.connect(transport, { timeout: parts.startTimeoutMs, ...prior });
  } catch (error) {
    await end().catch(() => undefined);
    const refusal = notStarted(upstream, error, stderr.last());
    // A command that cannot be run speaks no era.
    const ran = error instanceof SdkError || typeof (error as NodeJS.ErrnoException).code !== 'string';
    throw ran && known?.[era] === undefined ? new SilentInEra(era, refusal) : refusal;
  }
  if (!('prior' in prior)) endStrays(transport.pid, mark);
  const found = learnt(client);
  if (found.modern) void listenForLists(client, found.modern);
  const said = introduced(client, era, introduction ?? {});
  return { link: linkOver(client, transport, { introduction: said, progress, patience, end }), found };
}

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
    rest: () => undefined,
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

function introduced(client: Client, era: Era, said: Values): Values {
  if (era === 'legacy') return withoutVersion(said);
  const instructions = client.getInstructions();
  return {
    capabilities: client.getServerCapabilities() ?? {},
    serverInfo: client.getServerVersion() ?? { name: 'unnamed', version: '0' },
    ...(instructions === undefined ? {} : { instructions }),
  };
}
