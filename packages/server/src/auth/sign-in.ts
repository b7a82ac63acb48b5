import type { Audit } from '@sealgate/vault';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { limitHeaders, type Limiter } from '../domain/limit.ts';
import { normalAddress } from '../domain/mail-address.ts';
import { networkOf } from '../domain/network-of.ts';
import type { People } from '../domain/people.ts';
import { refuse } from '../errors.ts';
import { formOf, takeForms } from './form.ts';
import type { MagicLinks, Redeemed } from './magic-links.ts';
import { pageHeaders } from './pages/layout.ts';
import { confirmLinkPage, linkSentPage, signedInPage, signInPage } from './pages/sign-in-pages.ts';
import { personContext } from './person-context.ts';
import { isCsrf, type WebSession, type WebSessions } from './web-session.ts';

// Signing in in a browser. Nothing changes on a GET; each POST comes from a page of ours. With `ENABLE_WEBUI=false` none
// of these routes is there.

/** What signing in needs. */
export interface SignInParts {
  readonly sessions: WebSessions;
  readonly links: MagicLinks;
  readonly people: People;
  readonly audit: Audit;
  /** How links reach people; see `SignInView`. */
  readonly delivery: 'mail' | 'terminal' | 'none';
  /** By network. */
  readonly logins: Limiter;
  readonly windowMs: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Routes that answer people: what is thrown becomes a page. */
const config = { answers: 'page', guard: 'page' } as const;

/** `/sign-in`, `/sign-in/link` and `/sign-out`. For a scope of their own: they take forms only. */
export function signInRoutes(app: FastifyInstance, parts: SignInParts): void {
  takeForms(app);
  app.get('/sign-in', { config }, (request, reply) => showSignIn(request, reply, parts));
  app.post('/sign-in', { config }, (request, reply) => sendLink(request, reply, parts));
  app.get('/sign-in/link', { config }, (request, reply) => confirmLink(request, reply, parts));
  app.post('/sign-in/link', { config }, (request, reply) => redeemLink(request, reply, parts));
  app.post('/sign-out', { config }, (request, reply) => signOut(request, reply, parts));
}

/**
 * Where signing in may lead: the step of an authorization that is under way, and nothing else.
 *
 * @returns `undefined` for every other text, also for what a browser would read as another origin
 */
export function localReturn(given: unknown): string | undefined {
  return typeof given === 'string' && /^\/interaction\/[A-Za-z0-9_-]{1,64}$/.test(given) ? given : undefined;
}

async function showSignIn(
  request: FastifyRequest,
  reply: FastifyReply,
  parts: SignInParts,
): Promise<FastifyReply> {
  const returnTo = localReturn(queryOf(request, 'return'));
  const session = await parts.sessions.read(request.headers.cookie);
  const person = session && (await parts.people.find(session.subject));
  if (session === undefined || person === undefined)
    return page(reply, signInPage({ links: parts.delivery, returnTo }));
  if (returnTo !== undefined) return reply.header('cache-control', 'no-store').redirect(returnTo, 303);
  return page(reply, signedInPage({ who: person.email ?? person.name, csrf: session.csrf }));
}

async function sendLink(
  request: FastifyRequest,
  reply: FastifyReply,
  parts: SignInParts,
): Promise<FastifyReply> {
  const { delivery, links } = parts;
  await countLogin(request, reply, parts);
  const form = formOf(request);
  const returnTo = localReturn(form.get('return'));
  if (delivery === 'none') return page(reply, signInPage({ links: delivery, returnTo }));
  const email = normalAddress(form.get('email') ?? '');
  if (email === undefined) {
    const problem = 'This is not an e-mail address. Write it like name@example.com.';
    return page(reply, signInPage({ links: delivery, returnTo, problem }));
  }
  await links.request({ email, ip: request.ip, returnTo });
  return page(reply, linkSentPage({ links: delivery, returnTo }));
}

async function confirmLink(
  request: FastifyRequest,
  reply: FastifyReply,
  parts: SignInParts,
): Promise<FastifyReply> {
  const token = queryOf(request, 'token') ?? '';
  const who = await parts.links.look(token);
  if (who === undefined) throw spent();
  return page(reply, confirmLinkPage({ token, who }));
}

async function redeemLink(
  request: FastifyRequest,
  reply: FastifyReply,
  parts: SignInParts,
): Promise<FastifyReply> {
  const { sessions, links, people } = parts;
  await countLogin(request, reply, parts);
  const redeemed = await links.redeem(formOf(request).get('token') ?? '');
  if (redeemed === undefined) throw spent();
  const { setCookie } = await begin(request, redeemed, parts);
  await people.noteSignIn();
  const before = await sessions.read(request.headers.cookie);
  if (before !== undefined) await sessions.end(before.id);
  return reply
    .headers({ 'set-cookie': setCookie, 'cache-control': 'no-store' })
    .redirect(localReturn(redeemed.returnTo) ?? '/sign-in', 303);
}

async function begin(
  request: FastifyRequest,
  { person }: Redeemed,
  { audit, sessions }: SignInParts,
): Promise<{ readonly setCookie: string }> {
  const facts = { ip: request.ip, agent: request.headers['user-agent'] };
  const context = personContext(request, person.tenant, person.subject);
  const act = { act: 'person.sign_in' as const, object: `person:${person.subject}` };
  const { entry } = await audit.record('strict', context, act);
  const begun = await sessions.begin(person.subject, facts);
  audit.outcome(entry, context, { out: 'success' });
  return begun;
}

async function signOut(
  request: FastifyRequest,
  reply: FastifyReply,
  parts: SignInParts,
): Promise<FastifyReply> {
  const { sessions } = parts;
  const session = await sessions.read(request.headers.cookie);
  if (session !== undefined) {
    if (!isCsrf(session, formOf(request).get('csrf')))
      throw refuse('form_stale', 'the form does not belong to this session: open the page again');
    await end(request, session, parts);
  }
  return reply
    .headers({ 'set-cookie': sessions.forget, 'cache-control': 'no-store' })
    .redirect('/sign-in', 303);
}

async function end(request: FastifyRequest, session: WebSession, parts: SignInParts): Promise<void> {
  const { audit, people, sessions } = parts;
  // First of all it ends: a journal that cannot be written must not keep somebody signed in.
  await sessions.end(session.id);
  const person = await people.find(session.subject);
  if (person === undefined) return;
  const context = personContext(request, person.tenant, person.subject);
  const act = { act: 'person.sign_out' as const, object: `person:${person.subject}` };
  const { entry } = await audit.record('group', context, act);
  audit.outcome(entry, context, { out: 'success' });
}

async function countLogin(
  request: FastifyRequest,
  reply: FastifyReply,
  { logins, windowMs, now }: SignInParts,
): Promise<void> {
  const standing = await logins.consume(networkOf(request.ip));
  void reply.headers(limitHeaders('login', standing, windowMs, now()));
  if (!standing.allowed) throw refuse('rate_limited', 'wait a minute before you try again');
}

function page(reply: FastifyReply, markup: string): FastifyReply {
  return reply.headers(pageHeaders()).send(markup);
}

/** A parameter of the query that comes once. */
function queryOf(request: FastifyRequest, name: string): string | undefined {
  const value = (request.query as Readonly<Record<string, unknown>>)[name];
  return typeof value === 'string' ? value : undefined;
}

function spent(): Error {
  return refuse('link_spent', 'it was used already, or it is older than 15 minutes: ask for a new one');
}
