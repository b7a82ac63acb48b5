import { setTimeout as sleep } from 'node:timers/promises';
import { Refusal, type AuditContext } from '@sealgate/vault';
import { exchange } from './http-wire.ts';
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
  const { parts, calls, life } = session;
  const { signal } = life;
  let lastEventId: string | undefined;
  let retryMs: number | undefined;
  let waitMs = 500;
  // A session that was opened a moment ago is not lost: who answers 404 has no stream, and would have none in the next one.
  let mayBeLost = session.taken;
  while (!signal.aborted) {
    const openedAtMs = performance.now();
    let none = false;
    const headers = {
      ...headersOf(session),
      ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }),
    };
    try {
      await exchange(
        parts,
        { context, method: 'GET', message: undefined, headers, signal },
        {
          onHead: (status) => {
            if (status === 404 && session.id !== undefined && mayBeLost)
              throw new SessionLost('the session is lost');
            mayBeLost = true;
            // 405: the upstream has no such stream (MCP 2025-11-25, transports, listening for messages).
            // 409: it has one, which the instance that had the session before has not let go of yet.
            none = status >= 400 && status !== 409;
          },
          onMessage: (message) => calls.take(message, { context, sending: undefined }),
          onEvent: (event) => {
            lastEventId = event.id ?? lastEventId;
            retryMs = event.retryMs ?? retryMs;
          },
        },
      );
    } catch (error) {
      if (error instanceof SessionLost) return lost(session, context, { signal, renew });
      none = isFinal(error);
    }
    if (none) return;
    waitMs = performance.now() - openedAtMs > 10_000 ? 500 : Math.min(2 * waitMs, quietMsMax);
    await sleep(Math.max(waitMs, retryMs ?? 0), undefined, { signal }).catch(() => undefined);
  }
}

type Renew = (session: Session, context: AuditContext) => Promise<void>;

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
