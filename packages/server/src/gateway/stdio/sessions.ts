import { isInitializeRequest, WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server';
import { refuse } from '../../errors.ts';
import type { Log } from '../../log.ts';
import type { Children } from './children.ts';
import { askOf, contextOf, methodNameOf, type Entrant } from './front.ts';
import { openSession, type LegacySession, type SessionParts } from './legacy-session.ts';
import type { ChildLimits } from './limits.ts';
import type { RelayParts } from './relay.ts';

// Sessions by id. An id is never proof of anything: each request is checked against the person, group and upstream the
// session was opened for, and another's session is as unknown as one that never was.

/** The open sessions. */
export interface Sessions {
  /**
   * @returns the answer and what to call when it has been written
   * @throws Refusal `session_unknown`, `overloaded`, and those of reaching a child
   */
  answer(
    entrant: Entrant,
    request: Request,
  ): Promise<{ readonly response: Response; readonly done: () => void }>;
  count(): number;
  close(): Promise<void>;
}

/** What sessions need. */
export interface SessionsParts extends RelayParts {
  readonly children: Children;
  readonly limits: ChildLimits;
  readonly log: Log;
  readonly sessionId: () => string;
}

/** Open the table of sessions; there are none yet. */
export function openSessions(parts: SessionsParts): Sessions {
  const sessions = new Map<string, LegacySession>();
  const { now, limits } = parts;
  const sweep = setInterval(
    () => {
      for (const session of sessions.values())
        if (isIdle(session) && now() - session.lastUsedMs > limits.sessionIdleSeconds * 1000)
          void session.close();
    },
    1000 * Math.min(60, limits.sessionIdleSeconds),
  ).unref();
  return {
    async answer(entrant, request) {
      const id = request.headers.get('mcp-session-id');
      if (id === null && !(request.method === 'POST' && isInitializeRequest(entrant.body)))
        return { response: await unopened(request, entrant), done: () => undefined };
      const session = id === null ? await begin(parts, sessions, entrant) : known(sessions, id, entrant);
      return within(parts, session, request, entrant);
    },
    count: () => sessions.size,
    async close() {
      clearInterval(sweep);
      await Promise.all([...sessions.values()].map((session) => session.close()));
    },
  };
}

async function within(
  parts: SessionsParts,
  session: LegacySession,
  request: Request,
  entrant: Entrant,
): Promise<{ response: Response; done: () => void }> {
  session.uses += 1;
  const done = (): void => {
    session.uses -= 1;
    session.lastUsedMs = parts.now();
  };
  try {
    if (isRequest(entrant.body)) {
      if (session.isUnderWay(entrant.body.id))
        throw refuse('message_invalid', 'a request with this id is under way in this session');
      await session.follow(request, { entrant, ...(await parts.children.reach(askOf(entrant))) });
    }
    const response = await session.transport.handleRequest(request, { parsedBody: entrant.body });
    // Turned down before it had an id: nobody can name it any more, and it would hold its child for ever.
    if (session.transport.sessionId === undefined) await session.close();
    return { response, done };
  } catch (error) {
    done();
    if (session.transport.sessionId === undefined) await session.close();
    throw error;
  }
}

function known(
  sessions: ReadonlyMap<string, LegacySession>,
  id: string,
  { caller, upstream }: Entrant,
): LegacySession {
  const session = sessions.get(id);
  const owner = session?.entrant;
  if (
    session === undefined ||
    owner?.caller.tenant !== caller.tenant ||
    owner.caller.subject !== caller.subject ||
    owner.upstream.name !== upstream.name
  )
    throw refuse('session_unknown', 'this session is unknown or has ended; initialize a new one');
  return session;
}

async function begin(
  parts: SessionsParts,
  sessions: Map<string, LegacySession>,
  entrant: Entrant,
): Promise<LegacySession> {
  makeRoom(parts.limits, sessions, entrant);
  const receipt = await parts.audit.record('strict', contextOf(entrant), {
    act: 'session.open',
    object: `upstream:${entrant.upstream.name}`,
    service: entrant.upstream.name,
  });
  const sessionParts: SessionParts = {
    ...parts,
    onOpen: (id) => {
      sessions.set(id, session);
      parts.audit.outcome(receipt.entry, contextOf(entrant), { out: 'success' });
    },
    onClose: (id) => {
      if (id !== undefined) sessions.delete(id);
      else parts.audit.outcome(receipt.entry, contextOf(entrant), { out: 'failure' });
    },
  };
  const session = await openSession(sessionParts, entrant);
  return session;
}

function makeRoom(
  limits: ChildLimits,
  sessions: ReadonlyMap<string, LegacySession>,
  { caller }: Entrant,
): void {
  const all = [...sessions.values()];
  const own = all.filter(
    ({ entrant }) => entrant.caller.tenant === caller.tenant && entrant.caller.subject === caller.subject,
  );
  const crowded =
    own.length >= limits.sessionsPerPersonMax ? own : all.length >= limits.sessionsMax ? all : undefined;
  if (crowded === undefined) return;
  const [oldest] = crowded.filter(isIdle).toSorted((a, b) => a.lastUsedMs - b.lastUsedMs);
  if (oldest === undefined)
    throw refuse('overloaded', 'too many sessions are open; close one or try again later');
  void oldest.close();
}

// The SDK's own answer to a request that names no session and opens none.
function unopened(request: Request, { body }: Entrant): Promise<Response> {
  return new WebStandardStreamableHTTPServerTransport({ sessionIdGenerator: () => '' }).handleRequest(
    request,
    { parsedBody: body },
  );
}

function isIdle(session: LegacySession): boolean {
  return session.uses === 0;
}

function isRequest(body: unknown): body is { readonly id: string | number } {
  return methodNameOf(body) !== undefined && (body as { id?: unknown }).id !== undefined;
}
