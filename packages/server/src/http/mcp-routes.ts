import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { McpAddress } from '../domain/mcp-address.ts';
import { refuse } from '../errors.ts';
import { endsOf } from './ends.ts';
import type { Exchange, McpHandler } from './exchange.ts';
import { fromFastify } from './fastify-errors.ts';
import type { Load, Work } from './load.ts';
import { answerTo, isRefusal, type Circumstance } from './reply.ts';
import { cutUnread } from './unread.ts';
import { replyOver } from './writer.ts';

/** What the MCP routes need beside their handler. */
export interface McpRouteParts<Admitted> {
  readonly mcp: McpHandler<Admitted>;
  readonly load: Load;
  /** Longest wait for a client to take what was written to it. */
  readonly unreadMs: number;
  /** Told of every fault of ours, with the request's id. */
  onFault(error: unknown, requestId: string): void;
}

const urls = ['/mcp', '/mcp/:upstream', '/t/:group/mcp', '/t/:group/mcp/:upstream'];
const methods = ['POST', 'GET', 'DELETE'] as const;
const config = { guard: 'bearer' } as const;
const allow = { allow: methods.join(', ') };
const nothing = { cut: () => undefined, last: () => undefined };

/** The MCP addresses: POST, GET and DELETE, bodies as the bytes they came in. Everything else is 405. */
export function mcpRoutes<Admitted>(
  app: FastifyInstance,
  { mcp, load, unreadMs, onFault }: McpRouteParts<Admitted>,
): void {
  // On the request itself: a WeakMap with an entry a request keeps the collector busy.
  app.decorateRequest('admission', undefined);
  const circumstance = (request: FastifyRequest): Circumstance => ({
    requestId: request.id,
    form: 'rpc',
    challenge: () => mcp.challenge(addressOf(request), request.raw.rawHeaders),
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_, body, done) => done(null, body));
  app.setErrorHandler((error, request, reply) =>
    refuseOver(reply, error, { ...circumstance(request), onFault }),
  );
  const admit = async (request: FastifyRequest): Promise<void> => {
    if (load.state === 'draining') load.begin('call', nothing);
    const { id: requestId, ip, method, raw } = request;
    const address = addressOf(request);
    request.setDecorator(
      'admission',
      await mcp.admit({ requestId, rawHeaders: raw.rawHeaders, method, address, ip }),
    );
  };
  const answer = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const admission = request.getDecorator<Awaited<ReturnType<typeof mcp.admit>> | undefined>('admission');
    if (admission === undefined) throw new Error('a request got past admission');
    reply.hijack();
    const answering = { ...circumstance(request), onFault };
    await carryOut({ request, reply, admission, mcp, load, unreadMs, circumstance: answering });
  };
  const turnAway = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const error = refuse('method_not_allowed', `this address takes ${allow.allow}`);
    return refuseOver(reply, error, { ...circumstance(request), headers: allow, onFault });
  };
  for (const url of urls) {
    app.route({ method: [...methods], url, config, onRequest: admit, handler: answer });
    app.route({
      method: ['PUT', 'PATCH', 'OPTIONS', 'HEAD'],
      url,
      config,
      onRequest: turnAway,
      handler: () => undefined,
    });
  }
}

function addressOf({ params }: FastifyRequest): McpAddress {
  const { group, upstream } = params as Partial<McpAddress>;
  return { group, upstream };
}

type Answering = Circumstance & { onFault(error: unknown, requestId: string): void };

function refuseOver(reply: FastifyReply, error: unknown, how: Answering): FastifyReply {
  const known = fromFastify(error);
  if (!isRefusal(known)) how.onFault(known, how.requestId);
  const { status, headers, body } = answerTo(known, how);
  return reply.code(status).headers(headers).send(body);
}

interface Carried<Admitted> {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly admission: { readonly admitted: Admitted; readonly headers: Readonly<Record<string, string>> };
  readonly mcp: McpHandler<Admitted>;
  readonly load: Load;
  readonly unreadMs: number;
  readonly circumstance: Answering;
}

async function carryOut<Admitted>(carried: Carried<Admitted>): Promise<void> {
  const { request, reply, admission, mcp, load, unreadMs, circumstance } = carried;
  const { raw } = request;
  const response = reply.raw;
  const gone = new AbortController();
  let work: Work | undefined;
  response.once('close', () => {
    if (!response.writableFinished) gone.abort();
    // Over when the last byte has left, not when the handler has returned.
    work?.done();
  });
  const exchange: Exchange<Admitted> = {
    admitted: admission.admitted,
    requestId: request.id,
    method: request.method as Exchange<Admitted>['method'],
    address: addressOf(request),
    rawHeaders: raw.rawHeaders,
    body: request.body instanceof Uint8Array ? request.body : new Uint8Array(),
    signal: gone.signal,
    reply: replyOver(response, { extra: admission.headers, unreadMs }),
    raw: { request: raw, response },
    messageId: undefined,
    revision: undefined,
  };
  try {
    const kind = staysOpen(request) ? 'stream' : 'call';
    work = load.begin(
      kind,
      endsOf(response, kind, () => gone.abort()),
    );
    await mcp.handle(exchange);
  } catch (error) {
    if (!isRefusal(error)) circumstance.onFault(error, request.id);
    if (response.headersSent) return void response.destroy();
    const { status, headers, body } = answerTo(error, {
      ...circumstance,
      messageId: exchange.messageId,
      revision: exchange.revision,
      headers: { ...admission.headers, ...circumstance.headers },
    });
    exchange.reply.send(status, headers, body);
  } finally {
    if (response.writableLength > 0 && !response.destroyed) cutUnread(response, unreadMs);
  }
}

/** A GET, or the POST of 2026-07-28 that opens a subscription (its header is compared with the body later on). */
function staysOpen(request: FastifyRequest): boolean {
  return request.method === 'GET' || request.headers['mcp-method'] === 'subscriptions/listen';
}
