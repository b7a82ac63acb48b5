import { setTimeout as sleep } from 'node:timers/promises';
import { Refusal, type AuditContext } from '@sealgate/vault';
import { legacyRevisions } from '../../domain/eras.ts';
import type { HttpUpstream } from '../../domain/upstream.ts';
import { refuse, type ServerCode } from '../../errors.ts';
import type { Values } from '../front/target.ts';
import { withoutVersion } from './child-notices.ts';
import type { Calls, Waiting } from './http-calls.ts';
import type { HttpLinkParts } from './http-parts.ts';
import { exchange, type Inward } from './http-wire.ts';
import type { Sending } from './link.ts';
import { openPlace, type StreamPlace } from './stream-place.ts';

// What is sent within a session of the revisions up to 2025-11-25.

/** The state of one session. */
export interface Session {
  readonly parts: HttpLinkParts;
  readonly calls: Calls;
  /** In the stream that belongs to no request. */
  place: StreamPlace;
  readonly uris: Set<string>;
  level: Values | undefined;
  id: string | undefined;
  revision: string;
  /** Whether it was opened by another instance, and may have ended since. */
  taken: boolean;
  introduction: Values;
  /** Aborts when nobody is to listen here any more to what belongs to no request. */
  readonly ear: AbortController;
  /** Aborts when the session ends, for whatever reason; another one takes its place when it is opened anew. */
  life: AbortController;
  renewing: Promise<void> | undefined;
  closed: boolean;
}

/** The upstream does not know the session any more: `upstream_unavailable`. What was sent in it was not carried out. */
export class SessionLost extends Refusal<ServerCode> {
  constructor({ name }: HttpUpstream) {
    super('upstream_unavailable', `upstream "${name}" does not know the session any more`);
  }
}

/** Takes nothing of an answer. */
export const ignoring: Inward = {
  onHead: () => undefined,
  onMessage: () => undefined,
  onEvent: () => undefined,
};

/**
 * Shake hands. The session that it had before stays its own until there is another one.
 *
 * @throws ProtocolError the upstream's own; Refusal those of `exchange`
 */
export async function initialize(session: Session, context: AuditContext): Promise<void> {
  const before = session.id;
  try {
    await shakeHands(session, context);
  } catch (error) {
    session.id = before;
    throw error;
  }
}

async function shakeHands(session: Session, context: AuditContext): Promise<void> {
  const { parts, calls } = session;
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
  session.taken = false;
  session.place = openPlace(parts.upstream.name, session.id);
  session.introduction = withoutVersion(result ?? {});
  await post(session, { jsonrpc: '2.0', method: 'notifications/initialized' }, { context, signal });
}

// MCP 2025-11-25, transports, session management: visible ASCII.
function sessionIdOf(given: string | undefined, upstream: string): string | undefined {
  if (given === undefined || (given.length <= 1024 && /^[\x21-\x7e]+$/.test(given))) return given;
  throw refuse('upstream_unavailable', `upstream "${upstream}" gave a session id that is none`);
}

/** Send one request and see to it that its answer is read. @throws SessionLost, and those of `exchange` */
export async function deliver(
  session: Session,
  message: Values,
  waiting: Waiting,
  sending: Sending,
): Promise<void> {
  const { calls, parts } = session;
  const { context } = sending;
  // A stream that breaks off is taken up where it ended, if the upstream has given its events ids.
  let lastEventId: string | undefined;
  let retryMs = 1000;
  const inSession = headersOf(session);
  const inward: Inward = {
    onHead: lossIn(session),
    onMessage: (came) => calls.take(came, { context, sending }),
    onEvent: (event) => {
      lastEventId = event.id ?? lastEventId;
      retryMs = Math.min(event.retryMs ?? retryMs, 30_000);
    },
  };
  const { signal } = waiting;
  // A stream that is taken up again may be one that the upstream never ends.
  const read = new AbortController();
  const again: Inward = {
    ...inward,
    onMessage(came) {
      inward.onMessage(came);
      if (waiting.answered()) read.abort();
    },
  };
  const untilRead = AbortSignal.any([signal, read.signal]);
  let waitMs = 100;
  const sent = exchange(
    parts,
    { context, method: 'POST', message, headers: inSession, signal, untimed: true },
    inward,
  );
  await sent.catch((error: unknown) => {
    if (lastEventId === undefined) throw error;
  });
  for (let tries = 0; tries < 5 && lastEventId !== undefined && !waiting.answered(); tries += 1) {
    // Each time is an entry in the log: one that keeps breaking off is asked ever less often, whatever it says.
    await sleep(Math.max(retryMs, waitMs), undefined, { signal });
    waitMs = Math.min(2 * waitMs, 5000);
    const headers = { ...inSession, 'last-event-id': lastEventId };
    const before = lastEventId;
    const outward = { context, method: 'GET', message: undefined, headers, signal: untilRead } as const;
    await exchange(parts, outward, again).catch((error: unknown) => {
      if (error instanceof SessionLost) throw lostMeanwhile(parts.upstream.name);
    });
    if (lastEventId !== before) tries = 0;
  }
}

// Too late to send it again: it may have been carried out.
function lostMeanwhile(upstream: string): Error {
  return refuse('upstream_unavailable', `upstream "${upstream}" lost the session before it answered`);
}

/** Send a message that wants no answer. @throws SessionLost, and those of `exchange` */
export async function post(
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
      onHead: lossIn(session),
      onMessage: (came) => calls.take(came, { context, sending: undefined }),
    },
  );
}

// Of the session that a request is sent in: it may have been opened anew, or be about to, when the answer comes.
function lossIn({ id, parts: { upstream } }: Session): (status: number) => void {
  return (status) => {
    if (status === 404 && id !== undefined) throw new SessionLost(upstream);
  };
}

/** The headers of a request in the session. */
export function headersOf({ id, revision }: Session): Record<string, string> {
  return { 'mcp-protocol-version': revision, ...(id === undefined ? {} : { 'mcp-session-id': id }) };
}
