import { randomUUID } from 'node:crypto';
import { isInitializeRequest, ProtocolError, type RequestId } from '@modelcontextprotocol/server';
import { isOf, type Whose } from '../../caller.ts';
import { refuse } from '../../errors.ts';
import type { Passage, Served } from '../owner/owners.ts';
import { auditContext } from '../use.ts';
import { errorAnswer } from './error-answer.ts';
import { bare, requestIdOf, rpcError, served, unacceptable } from './legacy-answer.ts';
import type { LegacySession } from './legacy-session.ts';
import { negotiate } from './legacy-version.ts';
import { isOwn, openSessionRecords, principalOf, type SessionRecord } from './session-record.ts';
import type { SessionsParts } from './session-parts.ts';
import { aimOf, openSessionTable, type SessionTable } from './session-table.ts';
import { openTakeOver, sessionUnknown, type TakeOver } from './take-over.ts';
import type { Values } from './target.ts';

// Sessions by id. An id is never proof of anything: each request is checked against the person, group, client and
// address the session was opened for, and another's session is as unknown as one that never was.

/** The legacy front. */
export interface Sessions {
  /**
   * Answer one request of the eras that have sessions. Whether the caller may was decided before.
   *
   * @throws Refusal `session_unknown`, `session_lost`, `event_unknown`, `message_invalid`, `overloaded`, `audit_unavailable`,
   *   `instance_unavailable`, and for `initialize` those of the target
   */
  answer(passage: Passage, request: Request): Promise<Served>;
  /** Sessions that this instance serves. */
  count(): number;
  /** End a person's sessions on every instance, those of one client or all. Streams elsewhere end within a minute. */
  endOf(whose: Whose): Promise<void>;
  /** Whether this instance serves a session of theirs. */
  holds(whose: Whose): boolean;
  /** What is served here may be gone from the records: store it again. */
  renew(): Promise<void>;
  /** Others may own the sessions from now on: their news are left to them. What comes here is served as before. */
  leave(): Promise<void>;
  /** Stop serving. What can be resumed may go on elsewhere, or here after a restart. */
  close(): Promise<void>;
}

/** Open the legacy front; this instance serves no session yet. */
export function openSessions(parts: SessionsParts): Sessions {
  const stored = openSessionRecords(parts.records, parts.sealer);
  const table = openSessionTable(parts, stored);
  const takeOver = openTakeOver(parts, stored, table);
  return {
    answer: (passage, request) => answer({ parts, table, takeOver }, passage, request),
    count: () => table.sessions.size,
    holds: (whose) => [...table.sessions.values()].some(({ record }) => isOf(record.principal, whose)),
    async endOf(whose) {
      const { tenant, subject } = whose;
      const isMeant = ({ principal }: SessionRecord): boolean => isOf(principal, whose);
      const here = [...table.sessions.values()].filter(({ record }) => isMeant(record));
      await Promise.all(here.map((session) => table.end(session)));
      for (const id of await stored.idsOf(tenant, subject)) {
        const found = await stored.load({ tenant, subject }, id);
        if (found !== undefined && isMeant(found.record))
          await stored.bar(found.record.principal, id, table.barredUntilMs());
      }
    },
    renew: table.renew,
    leave: table.leave,
    close: table.close,
  };
}

interface Front {
  readonly parts: SessionsParts;
  readonly table: SessionTable;
  readonly takeOver: TakeOver;
}

async function answer(front: Front, passage: Passage, request: Request): Promise<Served> {
  const { table } = front;
  const turnedDown = unacceptable(request, passage.body);
  if (turnedDown !== undefined) return served(turnedDown);
  const id = request.headers.get('mcp-session-id');
  if (id === null) {
    if (request.method === 'POST' && isInitializeRequest(passage.body))
      return served(await begin(front, passage));
    const message = 'Bad Request: Server not initialized';
    return served(rpcError(400, { code: -32000, message }, requestIdOf(passage.body)));
  }
  const here = table.sessions.get(id);
  const session = here ?? (await front.takeOver.find(id, passage, request));
  if ('response' in session) return session;
  if (!isOwn(session.record.principal, passage)) throw sessionUnknown();
  if (request.method === 'DELETE') {
    await table.end(session, passage);
    return served(bare(200));
  }
  session.uses += 1;
  table.touch(session);
  let over = false;
  const done = (): void => {
    if (over) return;
    over = true;
    session.uses -= 1;
    table.touch(session);
  };
  try {
    const response = await (request.method === 'POST'
      ? session.post(passage)
      : session.get(request, passage.correlation));
    return { response, done };
  } catch (error) {
    done();
    throw error;
  }
}

async function begin(front: Front, passage: Passage): Promise<Response> {
  const { parts, table } = front;
  const { id, params } = passage.body as { id: RequestId; params: Values };
  try {
    const version = negotiate(params['protocolVersion'], parts.minVersion);
    const free = await table.makeRoom(passage.caller);
    const { session, result } = await audited(front, passage, { version, params }).finally(free);
    return Response.json(
      { jsonrpc: '2.0', id, result: { protocolVersion: version, ...result } },
      { headers: { 'mcp-session-id': session.id, 'cache-control': 'no-store' } },
    );
  } catch (error) {
    if (error instanceof ProtocolError) return rpcError(200, errorAnswer(error, passage.correlation), id);
    throw error;
  }
}

interface Opening {
  readonly version: string;
  /** Of `initialize`. */
  readonly params: Values;
}

async function audited(
  front: Front,
  passage: Passage,
  opening: Opening,
): Promise<{ session: LegacySession; result: Values }> {
  const { audit } = front.parts;
  const context = auditContext(passage.caller, passage.correlation);
  const receipt = await audit.record('strict', context, {
    act: 'session.open',
    ...aimOf(passage.address.upstream),
  });
  try {
    const opened = await open(front, passage, opening);
    audit.outcome(receipt.entry, context, { out: 'success' });
    return opened;
  } catch (error) {
    audit.outcome(receipt.entry, context, { out: 'failure' });
    throw error;
  }
}

async function open(
  { parts, table }: Front,
  passage: Passage,
  { version, params }: Opening,
): Promise<{ session: LegacySession; result: Values }> {
  const id = parts.sessionId();
  const record: SessionRecord = {
    principal: principalOf(passage),
    upstream: passage.address.upstream,
    version,
    capabilities: objectOf(params['capabilities']),
    clientInfo: objectOf(params['clientInfo']),
    initialize: params,
    level: undefined,
    subscriptions: [],
    owner: parts.owners.self,
    generation: 1,
    holder: randomUUID(),
    resumption: undefined,
    heard: {},
    told: undefined,
  };
  const session = table.make(passage, { id, record, revision: undefined });
  try {
    const result = await session.introduce(auditContext(passage.caller, passage.correlation));
    if (!(await session.store())) throw refuse('session_unknown', 'the session could not be stored');
    table.add(session);
    return { session, result };
  } catch (error) {
    await session.close({ resumable: false });
    throw error;
  }
}

function objectOf(value: unknown): Values {
  return typeof value === 'object' && value !== null ? (value as Values) : {};
}
