import { setTimeout as sleep } from 'node:timers/promises';
import { Refusal, type AuditContext } from '@sealgate/vault';
import { exchange, type Inward } from './http-wire.ts';
import { headersOf, SessionLost, type Session } from './http-session.ts';

// The stream of a session that belongs to no request (GET). It is followed for as long as the session lives: taken up again
// where it broke off, given up when the upstream has none. Each time is an entry in the log, so a stream that keeps ending
// at once is asked for ever less often.
const quietMsMax = 60_000;

/**
 * Follow the session's stream until it ends. Never throws.
 *
 * @param renew opens the session anew when it is lost
 */
export async function followStream(session: Session, context: AuditContext, renew: Renew): Promise<void> {
  const { parts, life, ear, place } = session;
  const signal = AbortSignal.any([life.signal, ear.signal]);
  const stream: Stream = { session, context, signal, mayBeLost: session.taken, status: 0, retryMs: 0 };
  const inward = listening(stream);
  let waitMs = 500;
  while (!signal.aborted) {
    const openedAtMs = performance.now();
    stream.status = 0;
    const lastEventId = place.lastEventId();
    const resumed = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
    const headers = { ...headersOf(session), ...resumed };
    let none = false;
    try {
      await exchange(parts, { context, method: 'GET', message: undefined, headers, signal }, inward);
      none = hasNone(stream.status);
    } catch (error) {
      if (error instanceof SessionLost) return lost(session, context, { signal, renew });
      none = isFinal(error);
    }
    // An upstream that has a stream and no longer knows this place in it goes on from now on.
    if (none && stream.status !== 405 && hasNone(stream.status) && lastEventId !== undefined) place.forget();
    else if (none) return;
    waitMs = performance.now() - openedAtMs > 10_000 ? 500 : Math.min(2 * waitMs, quietMsMax);
    await sleep(Math.max(waitMs, stream.retryMs), undefined, { signal }).catch(() => undefined);
  }
}

type Renew = (session: Session, context: AuditContext) => Promise<void>;

interface Stream {
  readonly session: Session;
  readonly context: AuditContext;
  readonly signal: AbortSignal;
  /** A session that was opened a moment ago is not lost: who answers 404 has no stream, and would have none in the next one. */
  mayBeLost: boolean;
  /** Of the last answer; 0: there was none. */
  status: number;
  retryMs: number;
}

// 405: the upstream has no such stream (MCP 2025-11-25, transports, listening for messages).
// 409: it has one, which the instance that had the session before has not let go of yet.
function hasNone(status: number): boolean {
  return status >= 400 && status !== 409;
}

function listening(stream: Stream): Inward {
  const { session, context, signal } = stream;
  const { calls, parts, place } = session;
  return {
    onHead(status) {
      if (status === 404 && session.id !== undefined && stream.mayBeLost)
        throw new SessionLost(parts.upstream);
      stream.mayBeLost = true;
      stream.status = status;
    },
    // What had come when somebody stopped listening is for whoever goes on from the place before it.
    onEvent({ id, retryMs, data }) {
      if (signal.aborted) return;
      place.read(id, data === '');
      stream.retryMs = retryMs ?? stream.retryMs;
    },
    onMessage(message) {
      if (signal.aborted) return;
      if (message['method'] !== 'ping') place.said();
      calls.take(message, { context, sending: undefined, at: place.at() });
    },
  };
}

async function lost(
  session: Session,
  context: AuditContext,
  { signal, renew }: { readonly signal: AbortSignal; readonly renew: Renew },
): Promise<void> {
  if (signal.aborted || session.closed) return;
  // Somebody listens: the session is opened anew although nobody asks anything just now.
  await renew(session, context).catch(() => session.parts.events.onEnd());
}

// A credential that is refused, or gone, is not offered again and again; the next request tells whoever asks.
function isFinal(error: unknown): boolean {
  return (
    error instanceof Refusal && error.code !== 'upstream_unavailable' && error.code !== 'upstream_timeout'
  );
}
