import { setTimeout as sleep } from 'node:timers/promises';
import { ProtocolError } from '@modelcontextprotocol/client';
import type { AuditContext } from '@sealgate/vault';
import { legacyRevisions } from '../../domain/eras.ts';
import { refuse } from '../../errors.ts';
import type { Values } from '../front/target.ts';
import { openCalls, type Calls, type Waiting } from './http-calls.ts';
import { followStream } from './http-stream.ts';
import { exchange, type Inward } from './http-wire.ts';
import type { HttpLinkParts } from './http-link.ts';
import type { Link, Sending } from './link.ts';
import { withoutVersion } from './child-notices.ts';

// A session with an HTTP upstream of the revisions up to 2025-11-25. It survives being lost: an upstream that does not know
// it any more (404) gets a new `initialize`, what was subscribed to is asked for again, and the request is sent once more.

/** The state of one session. */
export interface Session {
  readonly parts: HttpLinkParts;
  readonly calls: Calls;
  readonly uris: Set<string>;
  level: Values | undefined;
  id: string | undefined;
  revision: string;
  introduction: Values;
  /** Aborts when the session ends, for whatever reason; another one takes its place when it is opened anew. */
  life: AbortController;
  renewing: Promise<void> | undefined;
  closed: boolean;
}

/** The upstream does not know the session. What was sent in it was not carried out. */
export class SessionLost extends Error {}

/**
 * Open a session, or go on with one that another instance had.
 *
 * @throws ProtocolError the upstream's own; Refusal `upstream_unavailable`, `upstream_unauthorized`, `upstream_timeout`
 */
export async function openLegacyLink(parts: HttpLinkParts): Promise<Link> {
  const calls: Calls = openCalls({
    ...parts,
    post: (message, context) => post(session, message, { context, signal: session.life.signal }),
    onGivenUp: async (requestId, context) => {
      // An initialize cannot be cancelled (MCP 2025-11-25, cancellation).
      if (Object.keys(session.introduction).length === 0) return;
      const params = { requestId, reason: 'nobody waits for the answer any more' };
      const message = { jsonrpc: '2.0', method: 'notifications/cancelled', params };
      await post(session, message, { context, signal: AbortSignal.timeout(2000) }).catch(() => undefined);
    },
  });
  const session: Session = {
    parts,
    calls,
    uris: new Set(),
    level: undefined,
    id: undefined,
    revision: legacyRevisions.at(-1)!,
    introduction: {},
    life: new AbortController(),
    renewing: undefined,
    closed: false,
  };
  if (!resume(session)) await initialize(session, parts.context);
  void followStream(session, parts.context);
  return linkOf(session);
}

function resume(session: Session): boolean {
  const { sessionId, revision, introduction, url } = session.parts.resume ?? {};
  if (typeof sessionId !== 'string' || typeof revision !== 'string' || url !== session.parts.upstream.url)
    return false;
  Object.assign(session, { id: sessionId, revision, introduction });
  return true;
}

function linkOf(session: Session): Link {
  const { parts } = session;
  return {
    era: 'legacy',
    get introduction() {
      return session.introduction;
    },
    audited: true,
    pid: undefined,
    async request(method, params, sending) {
      const result = await send(session, method, params, sending);
      if (method === 'logging/setLevel') session.level = params;
      return result;
    },
    notify: (method, params, context) =>
      renewing(session, context, () =>
        post(
          session,
          { jsonrpc: '2.0', method, ...(params === undefined ? {} : { params }) },
          {
            context,
            signal: session.life.signal,
          },
        ),
      ),
    async watch(uri, { context, timeoutMs }) {
      const tell = (method: string): Promise<unknown> => {
        const signal = session.life.signal;
        return send(session, method, { uri }, { context, timeoutMs, signal, onProgress: undefined });
      };
      await tell('resources/subscribe');
      session.uris.add(uri);
      return async () => {
        session.uris.delete(uri);
        await tell('resources/unsubscribe');
      };
    },
    resumption: () =>
      session.id === undefined
        ? {}
        : {
            sessionId: session.id,
            revision: session.revision,
            introduction: session.introduction,
            url: parts.upstream.url,
          },
    leave: async () => leave(session),
    close: () => close(session),
  };
}

function leave(session: Session): void {
  session.closed = true;
  session.life.abort();
  session.calls.close();
}

async function close(session: Session): Promise<void> {
  if (session.closed) return;
  leave(session);
  if (session.id === undefined) return;
  const { parts } = session;
  const headers = headersOf(session);
  const ending = { context: parts.context, method: 'DELETE' as const, message: undefined, headers };
  // An upstream may refuse to let sessions be ended (405), and one that is gone has none.
  await exchange(parts, { ...ending, signal: AbortSignal.timeout(5000) }, ignoring).catch(() => undefined);
}

const ignoring: Inward = { onHead: () => undefined, onMessage: () => undefined, onEvent: () => undefined };

async function initialize(session: Session, context: AuditContext): Promise<void> {
  const { parts, calls } = session;
  session.id = undefined;
  const signal = AbortSignal.timeout(parts.limits.startSeconds * 1000);
  const sending: Sending = {
    context,
    signal,
    timeoutMs: parts.limits.startSeconds * 1000,
    onProgress: undefined,
  };
  const params = {
    protocolVersion: legacyRevisions.at(-1),
    capabilities: parts.capabilities,
    clientInfo: { name: 'sealgate', version: parts.version },
  };
  const result = (await calls.run(sending, async ({ id, signal: stop }) => {
    const message = { jsonrpc: '2.0', id, method: 'initialize', params };
    await exchange(
      parts,
      { context, method: 'POST', message, headers: {}, signal: stop },
      {
        ...ignoring,
        onHead: (status, headers) => {
          if (status < 300) session.id = sessionIdOf(headers['mcp-session-id'], parts.upstream.name);
        },
        onMessage: (came) => calls.take(came, { context, sending }),
      },
    );
  })) as Values | undefined;
  const revision = result?.['protocolVersion'];
  if (typeof revision !== 'string' || !legacyRevisions.includes(revision))
    throw refuse(
      'upstream_unavailable',
      `upstream "${parts.upstream.name}" speaks no protocol revision we know`,
    );
  session.revision = revision;
  session.introduction = withoutVersion(result ?? {});
  await post(session, { jsonrpc: '2.0', method: 'notifications/initialized' }, { context, signal });
}

// MCP 2025-11-25, transports, session management: visible ASCII.
function sessionIdOf(given: string | undefined, upstream: string): string | undefined {
  if (given === undefined || (given.length <= 1024 && /^[\x21-\x7e]+$/.test(given))) return given;
  throw refuse('upstream_unavailable', `upstream "${upstream}" gave a session id that is none`);
}

async function send(
  session: Session,
  method: string,
  params: Values | undefined,
  sending: Sending,
): Promise<unknown> {
  const { calls } = session;
  return renewing(session, sending.context, () =>
    calls.run(sending, (waiting) => {
      const meta = { ...(params?.['_meta'] as Values | undefined), progressToken: waiting.id };
      const sent = sending.onProgress === undefined ? params : { ...params, _meta: meta };
      const message = {
        jsonrpc: '2.0',
        id: waiting.id,
        method,
        ...(sent === undefined ? {} : { params: sent }),
      };
      return deliver(session, message, waiting, sending);
    }),
  );
}

// A stream that breaks off is taken up where it ended, if the upstream has given its events ids.
async function deliver(session: Session, message: Values, waiting: Waiting, sending: Sending): Promise<void> {
  const { calls, parts } = session;
  const { context } = sending;
  let lastEventId: string | undefined;
  let retryMs = 1000;
  const inward: Inward = {
    onHead: (status) => refuseStatus(session, status),
    onMessage: (came) => calls.take(came, { context, sending }),
    onEvent: (event) => {
      lastEventId = event.id ?? lastEventId;
      retryMs = Math.min(event.retryMs ?? retryMs, 30_000);
    },
  };
  const { signal } = waiting;
  const sent = exchange(
    parts,
    { context, method: 'POST', message, headers: headersOf(session), signal },
    inward,
  );
  await sent.catch((error: unknown) => {
    if (lastEventId === undefined) throw error;
  });
  for (let tries = 0; tries < 5 && lastEventId !== undefined && !waiting.answered(); tries += 1) {
    await sleep(retryMs, undefined, { signal });
    const headers = { ...headersOf(session), 'last-event-id': lastEventId };
    const before = lastEventId;
    const again = exchange(parts, { context, method: 'GET', message: undefined, headers, signal }, inward);
    await again.catch((error: unknown) => {
      if (error instanceof SessionLost) throw lostMeanwhile(parts.upstream.name);
    });
    if (lastEventId !== before) tries = 0;
  }
}

// Too late to send it again: it may have been carried out.
function lostMeanwhile(upstream: string): Error {
  return refuse('upstream_unavailable', `upstream "${upstream}" lost the session before it answered`);
}

async function post(
  session: Session,
  message: Values,
  { context, signal }: Pick<Sending, 'context' | 'signal'>,
): Promise<void> {
  const { parts, calls } = session;
  await exchange(
    parts,
    { context, method: 'POST', message, headers: headersOf(session), signal },
    {
      ...ignoring,
      onHead: (status) => refuseStatus(session, status),
      onMessage: (came) => calls.take(came, { context, sending: undefined }),
    },
  );
}

function refuseStatus({ id }: Session, status: number): void {
  if (status === 404 && id !== undefined) throw new SessionLost('the upstream does not know the session');
}

/** The headers of a request in the session. */
export function headersOf({ id, revision }: Session): Record<string, string> {
  return { 'mcp-protocol-version': revision, ...(id === undefined ? {} : { 'mcp-session-id': id }) };
}

async function renewing<T>(session: Session, context: AuditContext, attempt: () => Promise<T>): Promise<T> {
  await session.renewing;
  const { id } = session;
  try {
    return await attempt();
  } catch (error) {
    if (!(error instanceof SessionLost) || session.closed) throw error;
    if (session.id === id) {
      session.renewing ??= renew(session, context).finally(() => (session.renewing = undefined));
    }
    await session.renewing;
    return attempt();
  }
}

/** Open the session anew and ask again for what it had. @throws those of `initialize` */
export async function renew(session: Session, context: AuditContext): Promise<void> {
  session.life.abort();
  session.life = new AbortController();
  await initialize(session, context);
  const { calls, uris, level } = session;
  const timeoutMs = session.parts.limits.startSeconds * 1000;
  const again = (method: string, params: Values): Promise<unknown> => {
    const sending = { context, timeoutMs, signal: session.life.signal, onProgress: undefined };
    const run = calls.run(sending, (waiting) =>
      deliver(session, { jsonrpc: '2.0', id: waiting.id, method, params }, waiting, sending),
    );
    return run.catch((error: unknown) => {
      if (!(error instanceof ProtocolError)) throw error;
    });
  };
  for (const uri of uris) await again('resources/subscribe', { uri });
  if (level !== undefined) await again('logging/setLevel', level);
  void followStream(session, context);
}
