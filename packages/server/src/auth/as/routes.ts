import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Provider } from 'oidc-provider';
import { limitHeaders, type Limiter } from '../../domain/limit.ts';
import { networkOf } from '../../domain/network-of.ts';
import { pathOfAddress, readAddress, type McpAddress } from '../../domain/mcp-address.ts';
import { refuse } from '../../errors.ts';
import { mcpScope, metadataAddress, resourceMetadata, type Names } from './resources.ts';

// The provider behind Fastify. It gets the request unread, under the issuer's own host name whatever the client called
// the gateway, and without its session cookie. Fastify's part is what comes before: limits, cross-origin answers, and a
// ticket for clients that register themselves.

/** What the routes need. */
export interface RouteParts {
  /** Whether people can sign in here. */
  readonly signsIn: boolean;
  readonly provider: () => Provider;
  /** The provider as a request listener, made once. */
  readonly answer: () => ReturnType<Provider['callback']>;
  readonly names: Names;
  /** By route and network. */
  readonly limiter: Limiter;
  readonly windowMs: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

const config = { guard: 'public' } as const;
const anyOrigin = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': 'WWW-Authenticate, Retry-After',
};
const ticketSeconds = 60;
/** Tells the provider's error page under which id the log has the request. */
export const requestIdHeader = 'x-request-id';
/** Scopes that a request can stand on alone. */
const answerable = new Set(['openid', mcpScope]);

/** The OAuth endpoints and the metadata. For a scope of their own: bodies are left unread. */
export function authorizationRoutes(app: FastifyInstance, parts: RouteParts): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_, payload, done) => done(null, payload));
  app.addHook('onRequest', async (request, reply) => count(request, reply, parts));
  const hand = async (request: FastifyRequest, reply: FastifyReply): Promise<void> =>
    handOver(request, reply, parts);
  app.get('/authorize', { config: { ...config, answers: 'page' } }, async (request, reply) =>
    authorize(request, reply, parts),
  );
  app.get('/authorize/:uid', { config }, hand);
  for (const path of ['/token', '/revoke', '/introspect'])
    app.route({ method: ['POST', 'OPTIONS'], url: path, config, handler: hand });
  for (const path of [
    '/jwks',
    '/.well-known/oauth-authorization-server',
    '/.well-known/openid-configuration',
  ])
    app.route({ method: ['GET', 'OPTIONS'], url: path, config, handler: hand });
  app.post('/register', { config }, async (request, reply) => register(request, reply, parts));
  app.route({ method: ['GET', 'PUT', 'DELETE'], url: '/register/:clientId', config, handler: hand });
  for (const path of ['/register', '/register/:clientId'])
    app.options(path, { config }, async (_, reply) => preflight(reply));
  resourceRoutes(app, parts);
}

function resourceRoutes(app: FastifyInstance, { names }: RouteParts): void {
  const base = '/.well-known/oauth-protected-resource';
  for (const url of [
    base,
    `${base}/mcp`,
    `${base}/mcp/:upstream`,
    `${base}/t/:group/mcp`,
    `${base}/t/:group/mcp/:upstream`,
  ]) {
    app.get<{ Params: Partial<McpAddress> }>(url, { config }, async (request, reply) => {
      const { group, upstream } = request.params;
      const address = readAddress(pathOfAddress({ group, upstream }));
      if (address === undefined) throw refuse('not_found', 'there is no such resource');
      return reply
        .headers({ ...anyOrigin, 'cache-control': 'public, max-age=60' })
        .send(resourceMetadata(names, request.headers.host, address));
    });
    app.options(url, { config }, async (_, reply) => preflight(reply));
  }
}

/** `WWW-Authenticate` of a 401 or 403 at an MCP address (RFC 9728 §5.1, RFC 6750 §3). */
export function challengeFor(
  names: Names,
  { host, address, shown }: { host: string | undefined; address: McpAddress; shown: boolean },
): string {
  // What is no address at all is sent to the one for everything.
  const known = readAddress(pathOfAddress(address)) ?? { group: undefined, upstream: undefined };
  const about = `realm="sealgate", resource_metadata="${metadataAddress(names, host, known)}", scope="${mcpScope}"`;
  return `Bearer ${shown ? 'error="invalid_token", ' : ''}${about}`;
}

async function count(
  request: FastifyRequest,
  reply: FastifyReply,
  { limiter, windowMs, now }: RouteParts,
): Promise<void> {
  const { url = '' } = request.routeOptions;
  // Metadata says the same to everybody and reads nothing.
  if (url.startsWith('/.well-known/') || request.method === 'OPTIONS') return;
  const route = url.split('/')[1] ?? '';
  const standing = await limiter.consume(`${route} ${networkOf(request.ip)}`);
  for (const [name, value] of Object.entries(limitHeaders('oauth', standing, windowMs, now())))
    reply.raw.setHeader(name, value);
  if (!standing.allowed) throw refuse('rate_limited', 'wait a minute before you try again');
}

/** A browser that came by another name goes on by the issuer's, where its cookies are. */
async function authorize(request: FastifyRequest, reply: FastifyReply, parts: RouteParts): Promise<unknown> {
  if (!parts.signsIn)
    throw refuse('not_found', 'nobody can sign in here: the pages are switched off (ENABLE_WEBUI=false)');
  const issuer = new URL(parts.names.issuer());
  const url = new URL(request.raw.url ?? '/', issuer);
  if (parts.names.origin(request.headers.host) !== issuer.origin) return reply.redirect(url.href, 303);
  // A request for nothing that we know would be answered with nothing, after the person has signed in and agreed.
  const scopes = url.searchParams.getAll('scope');
  if (scopes.length < 2 && !(scopes[0] ?? '').split(' ').some((scope) => answerable.has(scope)))
    url.searchParams.set('scope', [...scopes, mcpScope].join(' '));
  request.raw.url = `${url.pathname}${url.search}`;
  return handOver(request, reply, parts);
}

/** Whoever brings no initial access token registers by itself, under the strict policy and once. */
async function register(request: FastifyRequest, reply: FastifyReply, parts: RouteParts): Promise<void> {
  for (const [name, value] of Object.entries(anyOrigin)) reply.raw.setHeader(name, value);
  if (request.headers.authorization === undefined) {
    const { InitialAccessToken } = parts.provider();
    const ticket = new InitialAccessToken({ policies: ['open'], expiresIn: ticketSeconds });
    request.raw.headers.authorization = `Bearer ${await ticket.save()}`;
    reply.raw.once('close', () => void ticket.destroy().catch(() => undefined));
  }
  await handOver(request, reply, parts);
}

async function handOver(
  { id, raw }: FastifyRequest,
  reply: FastifyReply,
  { answer, names }: RouteParts,
): Promise<void> {
  const issuer = new URL(names.issuer());
  underIssuer(raw, issuer);
  raw.headers[requestIdHeader] = id;
  reply.hijack();
  reply.raw.setHeader('x-content-type-options', 'nosniff');
  reply.raw.setHeader('referrer-policy', 'no-referrer');
  await answer()(raw, reply.raw);
}

function underIssuer({ headers }: IncomingMessage, issuer: URL): void {
  headers.host = issuer.host;
  for (const name of Object.keys(headers)) if (name.startsWith('x-forwarded-')) delete headers[name];
  delete headers['forwarded'];
  // Behind TLS the provider learns so here and nowhere else; it then marks its cookies `Secure`.
  if (issuer.protocol === 'https:') headers['x-forwarded-proto'] = 'https';
  const cookies = (headers.cookie ?? '')
    .split(';')
    .filter((pair) => !/^\s*sealgate_as(?:\.sig)?=/.test(pair));
  headers.cookie = cookies.join(';');
}

function preflight(reply: FastifyReply): FastifyReply {
  return reply
    .code(204)
    .headers({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'GET, POST, PUT, DELETE',
      'access-control-allow-headers': 'authorization, content-type, mcp-protocol-version, dpop',
      'access-control-max-age': '3600',
    })
    .send();
}
