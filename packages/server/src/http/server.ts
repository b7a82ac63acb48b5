import type { AddressInfo } from 'node:net';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import type { Guard, ProblemPage } from '../domain/route-config.ts';
import { refuse } from '../errors.ts';
import { endsOf, lastOn } from './ends.ts';
import type { McpHandler } from './exchange.ts';
import { fromFastify } from './fastify-errors.ts';
import { openGuard } from './guard.ts';
import { listenFailure } from './listen-failure.ts';
import { openLoad, type Load, type LoadSettings } from './load.ts';
import { mcpRoutes } from './mcp-routes.ts';
import { answerTo, healthAnswer, isRefusal, rawAnswer } from './reply.ts';
import { requestId } from '../domain/request-id.ts';

/** Bounds of the HTTP server. */
export interface HttpSettings extends LoadSettings {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  /** `FRONTEND_URL`; `undefined` when there is none. */
  readonly frontendUrl: string | undefined;
  readonly bodyBytesMax: number;
  readonly headerBytesMax: number;
  /** Time for a client to send its headers, and its whole request. */
  readonly headersMs: number;
  readonly requestMs: number;
  /** How long an idle connection is kept. */
  readonly keepAliveMs: number;
  /** Longest wait for a client to take what was written to it. */
  readonly unreadMs: number;
}

/** What holds without a word from the configuration. */
export const httpDefaults: Omit<HttpSettings, 'host' | 'port' | 'frontendUrl'> = {
  bodyBytesMax: 4 * 1024 * 1024,
  headerBytesMax: 32 * 1024,
  headersMs: 10_000,
  requestMs: 60_000,
  keepAliveMs: 72_000,
  unreadMs: 120_000,
  callsMax: 1024,
  streamsMax: 4096,
};

/** Quiet time on a connection before TCP asks whether the other side is still there. */
const tcpKeepAliveMs = 60_000;

/** How long a client whose bytes were no request may take to read why. */
const lingerMs = 1000;

/** What answers. */
export interface HttpParts<Admitted> {
  readonly mcp: McpHandler<Admitted>;
  /** Further routes. They get JSON bodies; what they throw is answered as plain JSON. */
  readonly routes?: (app: FastifyInstance, load: Pick<Load, 'admit'>) => void;
  /** What becomes of a refusal on a route that answers people (`config.answers`). JSON when not given. */
  readonly page?: ProblemPage;
  /** Whether what the gateway stands on is well, and facts that may be told to anybody. */
  health(): Promise<{ readonly well: boolean; readonly facts: Readonly<Record<string, unknown>> }>;
  /** Told of every fault of ours; refusals are not faults. */
  onFault(error: unknown, requestId: string): void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** One route, as it stands in the router. */
export interface RouteLine {
  readonly method: string;
  /** With its parameters as `:name`. */
  readonly url: string;
  readonly guard: Guard;
}

/** A running server. */
export interface HttpServer {
  readonly port: number;
  /** Every route that answers, in the order they were registered. */
  readonly routes: readonly RouteLine[];
  /** Requests under way. */
  readonly running: () => number;
  /** Health checks answer 503 from now on, so that a load balancer turns away, and no connection is used again. */
  leave(): void;
  /** Let nobody in, end streams, let calls and pages finish for up to `waitMs`, then close. */
  drain(waitMs: number): Promise<void>;
}

/** Start to listen. @throws Refusal `config_invalid` when the address cannot be had */
export async function openHttp<Admitted>(
  settings: HttpSettings,
  parts: HttpParts<Admitted>,
): Promise<HttpServer> {
  const load = openLoad(settings);
  const app = newApp(settings, parts);
  const routes = guardedRoutes(app);
  // Until the port is known nobody can have been told of it.
  let guard = (_: readonly string[], __: 'own' | 'any'): void => {
    throw refuse('host_forbidden', 'the gateway does not answer to this host name yet');
  };
  app.addHook('onRequest', async (request, { raw }) => {
    if (load.state !== 'open') lastOn(raw);
    // A health check comes from a load balancer, which knows the gateway by an address only.
    if (request.url === '/health' || request.url === '/health/live') return;
    const stands = request.routeOptions.config.guard;
    // Another instance knows this one by its `ADVERTISE_URL`, and shows a ticket.
    if (stands === 'instance') return;
    guard(request.raw.rawHeaders, stands === 'public' ? 'any' : 'own');
    // MCP calls are counted when they are let in.
    if (stands === 'bearer') return;
    const work = load.admit('call', endsOf(raw, 'call'));
    raw.once('close', () => work.done());
  });
  healthRoutes(app, parts, load);
  await app.register(async (scope) =>
    mcpRoutes(scope, { mcp: parts.mcp, load, unreadMs: settings.unreadMs, onFault: parts.onFault }),
  );
  if (parts.routes !== undefined) await app.register(async (scope) => parts.routes?.(scope, load));
  await app.listen({ host: settings.host, port: settings.port }).catch((error: unknown) => {
    throw listenFailure(error, settings);
  });
  const { port } = app.server.address() as AddressInfo;
  guard = openGuard({ port, frontendUrl: settings.frontendUrl });
  return {
    port,
    routes,
    running: () => load.running,
    leave: () => load.leave(),
    async drain(waitMs) {
      // Who comes from now on finds nobody, has sent nothing, and may go elsewhere: a refusal would be an answer.
      app.server.close();
      await load.drain(waitMs);
      await app.close();
    },
  };
}

/** What a load balancer and a supervisor ask. */
function healthRoutes<Admitted>(
  app: FastifyInstance,
  parts: Pick<HttpParts<Admitted>, 'health'>,
  load: Pick<Load, 'state'>,
): void {
  const open = { config: { guard: 'public' } } as const;
  app.get('/health/live', open, (_, reply) => {
    const { status, headers, body } = healthAnswer('ok', {});
    return reply.code(status).headers(headers).send(body);
  });
  app.get('/health', open, async (_, reply) => {
    const { well, facts } = await parts.health();
    const health = load.state === 'open' ? (well ? 'ok' : 'unavailable') : 'draining';
    const { status, headers, body } = healthAnswer(health, facts);
    return reply.code(status).headers(headers).send(body);
  });
}

/**
 * The start-up check: a route that does not say what stands before it stops the start (`domain/route-config.ts`).
 *
 * @returns the routes, which grow as they are registered
 */
function guardedRoutes(app: FastifyInstance): readonly RouteLine[] {
  const routes: RouteLine[] = [];
  app.addHook('onRoute', ({ method, url, config }) => {
    const guard = config?.guard;
    if (guard === undefined)
      throw new Error(`the route ${String(method)} ${url} does not say what guards it`);
    routes.push(...[method].flat().map((each) => ({ method: each, url, guard })));
  });
  return routes;
}

/** A server without routes: its bounds, and an answer to whatever goes wrong. */
export function newApp<Admitted>(
  settings: Omit<HttpSettings, 'host' | 'port' | 'frontendUrl'>,
  parts: Pick<HttpParts<Admitted>, 'onFault' | 'now' | 'page'>,
): FastifyInstance {
  const answer = (thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const error = fromFastify(thrown);
    if (!isRefusal(error)) parts.onFault(error, request.id);
    const page = request.routeOptions.config.answers === 'page' ? parts.page : undefined;
    const { status, headers, body } = answerTo(error, { requestId: request.id, form: 'plain', page });
    return reply.code(status).headers(headers).send(body);
  };
  const app: FastifyInstance = fastify({
    logger: false,
    bodyLimit: settings.bodyBytesMax,
    requestTimeout: settings.requestMs,
    keepAliveTimeout: settings.keepAliveMs,
    exposeHeadRoutes: false,
    requestIdHeader: false,
    genReqId: () => requestId(parts.now()),
    return503OnClosing: false,
    // What is still open when calls have ended is idle, or a request that was begun and never sent: Node looks for slow
    // clients no more once it closes, and one of them would keep the process from ending.
    forceCloseConnections: true,
    http: {
      headersTimeout: settings.headersMs,
      maxHeaderSize: settings.headerBytesMax,
      // A client of a quiet stream that vanished without a word is found out.
      keepAlive: true,
      keepAliveInitialDelay: tcpKeepAliveMs,
      // How often slow clients are looked for.
      connectionsCheckingInterval: Math.min(settings.headersMs, 5_000) / 2,
    },
    frameworkErrors: (error, request, reply) => void answer(error, request, reply),
    clientErrorHandler(error, socket) {
      if (!socket.writable || socket.bytesWritten > 0) return void socket.destroy();
      socket.end(
        rawAnswer(answerTo(unreadable(error.code), { requestId: requestId(parts.now()), form: 'plain' })),
      );
      // Node no longer times this connection: it must not stay open for as long as the client likes.
      setTimeout(() => socket.destroy(), lingerMs).unref();
    },
  });
  app.setNotFoundHandler((request, reply) =>
    answer(refuse('not_found', 'there is nothing at this address'), request, reply),
  );
  app.setErrorHandler(answer);
  return app;
}

function unreadable(code: string | undefined): Error {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return refuse('request_timeout', 'the request did not arrive in time');
  if (code === 'HPE_HEADER_OVERFLOW')
    return refuse('headers_too_large', 'the request has more headers than this gateway takes');
  return refuse('request_invalid', 'this is not a request in HTTP/1.1');
}
