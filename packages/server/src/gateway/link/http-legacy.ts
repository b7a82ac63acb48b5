import { randomInt } from 'node:crypto';
import { ProtocolError } from '@modelcontextprotocol/client';
import type { AuditContext } from '@sealgate/vault';
import { legacyRevisions } from '../../domain/eras.ts';
import type { Values } from '../front/target.ts';
import { openCalls, type Calls } from './http-calls.ts';
import type { HttpLinkParts } from './http-parts.ts';
import { deliver, headersOf, ignoring, initialize, post, SessionLost, type Session } from './http-session.ts';
import { followStream } from './http-stream.ts';
import { exchange } from './http-wire.ts';
import type { Link, Sending } from './link.ts';
import { openPlace } from './stream-place.ts';

// A session with an HTTP upstream of the revisions up to 2025-11-25. It survives being lost: an upstream that does not know
// it any more (404) gets a new `initialize`, what was subscribed to is asked for again, and the request is sent once more.

/**
 * Open a session, or go on with one that another instance had.
 *
 * @throws ProtocolError the upstream's own; Refusal `upstream_unavailable`, `upstream_unauthorized`, `upstream_timeout`
 */
export async function openLegacyLink(parts: HttpLinkParts): Promise<Link> {
  const calls: Calls = openCalls({
    ...parts,
    idsFrom: parts.resume === undefined ? 0 : randomInt(2 ** 47),
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
    place: openPlace(parts.upstream.name, undefined),
    uris: new Set(),
    level: undefined,
    id: undefined,
    revision: legacyRevisions.at(-1)!,
    taken: false,
    introduction: {},
    ear: new AbortController(),
    life: new AbortController(),
    renewing: undefined,
    closed: false,
  };
  if (!resume(session)) await initialize(session, parts.context);
  void followStream(session, parts.context, renewOnce);
  return linkOf(session);
}

function resume(session: Session): boolean {
  const { sessionId, revision, introduction, url } = session.parts.resume ?? {};
  if (typeof sessionId !== 'string' || typeof revision !== 'string' || url !== session.parts.upstream.url)
    return false;
  const place = openPlace(session.parts.upstream.name, sessionId, session.parts.place);
  Object.assign(session, { id: sessionId, revision, introduction, place, taken: true });
  return true;
}

function linkOf(session: Session): Link {
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
    resumption: () => resumptionOf(session),
    rest: () => session.ear.abort(),
    leave: async () => leave(session),
    close: () => close(session),
  };
}

function resumptionOf({ id, revision, introduction, place, parts: { upstream } }: Session): Values {
  if (id === undefined) return {};
  const unsaid = place.unsaid();
  const placed = unsaid === undefined ? {} : { place: unsaid };
  return { sessionId: id, revision, introduction, url: upstream.url, ...placed };
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

async function renewing<T>(session: Session, context: AuditContext, attempt: () => Promise<T>): Promise<T> {
  await session.renewing;
  const { id } = session;
  try {
    return await attempt();
  } catch (error) {
    if (!(error instanceof SessionLost) || session.closed) throw error;
    await (session.id === id ? renewOnce(session, context) : session.renewing);
    return attempt();
  }
}

function renewOnce(session: Session, context: AuditContext): Promise<void> {
  session.renewing ??= renew(session, context).finally(() => (session.renewing = undefined));
  return session.renewing;
}

async function renew(session: Session, context: AuditContext): Promise<void> {
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
  void followStream(session, context, renewOnce);
}
