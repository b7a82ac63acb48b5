import type { Audit } from '@sealgate/vault';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Provider } from 'oidc-provider';
import type { Group, People, Person } from '../../domain/people.ts';
import { refuse } from '../../errors.ts';
import { formOf, takeForms } from '../form.ts';
import { consentPage } from '../pages/consent-page.ts';
import { formTarget, pageHeaders } from '../pages/layout.ts';
import { personContext } from '../person-context.ts';
import { isCsrf, type WebSession, type WebSessions } from '../web-session.ts';
import type { Clients } from './clients.ts';
import { grantIdFor } from './grants.ts';
import { scopesSupported, type Names } from './resources.ts';

// Where a person agrees. Who they are is known from the web session alone: the provider's own session is not kept, so
// every authorization is asked about, and signing out holds everywhere. Signing in and agreeing end one and the same
// interaction, so that a client which opens several tabs at once gets an answer in each.

/** What the interactions need. */
export interface InteractionParts {
  readonly provider: () => Provider;
  readonly sessions: WebSessions;
  readonly people: People;
  readonly audit: Audit;
  readonly names: Names;
  readonly clients: Pick<Clients, 'noteAgreed'>;
}

type Interaction = Awaited<ReturnType<Provider['interactionDetails']>>;

interface Params {
  Params: { readonly uid: string };
}

const config = { answers: 'page', guard: 'page' } as const;

/** `/interaction/:uid` and its form. For a scope of their own: they take forms only. */
export function interactionRoutes(app: FastifyInstance, parts: InteractionParts): void {
  takeForms(app);
  app.get<Params>('/interaction/:uid', { config }, (request, reply) => ask(request, reply, parts));
  app.post<Params>('/interaction/:uid/confirm', { config }, (request, reply) =>
    decide(request, reply, parts),
  );
}

/** An interaction of this browser, with the person who is signed in. */
interface Asked {
  readonly interaction: Interaction;
  readonly session: WebSession;
  readonly person: Person;
}

async function ask(
  request: FastifyRequest<Params>,
  reply: FastifyReply,
  parts: InteractionParts,
): Promise<FastifyReply> {
  const interaction = await interactionOf(request, reply, parts);
  const asked = await signedIn(request, interaction, parts);
  const { uid } = interaction;
  if (asked === undefined)
    return reply.header('cache-control', 'no-store').redirect(`/sign-in?return=/interaction/${uid}`, 303);
  const { person, session } = asked;
  const client = await clientOf(interaction, parts);
  const redirect = textOf(interaction.params['redirect_uri']) || (client.redirectUris[0] ?? '');
  const target = formTarget(redirect);
  const groups = await groupsFor(asked, parts);
  const markup = consentPage({
    client: {
      name: client.name,
      redirectHost: hostOf(redirect),
      loopbackOnly: client.redirectUris.every(isLocal),
      id: client.id,
    },
    resource: resourcesOf(interaction, parts.names).join(', '),
    scopes: scopesOf(interaction),
    groups,
    csrf: session.csrf,
    action: `/interaction/${uid}/confirm`,
    who: person.email ?? person.name,
  });
  return reply.headers(pageHeaders(target === undefined ? [] : [target])).send(markup);
}

async function decide(
  request: FastifyRequest<Params>,
  reply: FastifyReply,
  parts: InteractionParts,
): Promise<FastifyReply> {
  const interaction = await interactionOf(request, reply, parts);
  const asked = await signedIn(request, interaction, parts);
  const form = formOf(request);
  if (asked === undefined || !isCsrf(asked.session, form.get('csrf')))
    throw refuse('form_stale', 'the form does not belong to this session: open the page again');
  const result =
    form.get('decision') === 'allow'
      ? await allowed(request, asked, form.get('group') ?? '', parts)
      : { error: 'access_denied', error_description: 'the person did not allow it' };
  const next = await parts
    .provider()
    .interactionResult(request.raw, reply.raw, result, { mergeWithLastSubmission: false });
  return reply.header('cache-control', 'no-store').redirect(next, 303);
}

async function allowed(
  request: FastifyRequest,
  { interaction, person: { subject } }: Asked,
  tenant: string,
  parts: InteractionParts,
) {
  const { provider, people, audit, names } = parts;
  const named = await groupsNamed(interaction, parts);
  if (named.some((group) => group !== tenant) || !(await people.isMember(subject, tenant)))
    throw refuse('form_stale', 'you are not in this group: open the page again');
  const clientId = String(interaction.params['client_id']);
  const context = personContext(request, tenant, subject);
  const act = { act: 'client.allow' as const, object: `client:${clientId.slice(0, 200)}` };
  const { entry } = await audit.record('strict', context, act);
  const grant = new (provider().Grant)({ accountId: subject, clientId });
  grant.jti = grantIdFor(tenant);
  const scope = scopesOf(interaction).join(' ');
  grant.addOIDCScope(scope);
  for (const resource of resourcesOf(interaction, names)) grant.addResourceScope(resource, scope);
  const grantId = await grant.save();
  await parts.clients.noteAgreed(await clientOf(interaction, parts));
  audit.outcome(entry, context, { out: 'success' });
  return { login: { accountId: subject, remember: false }, consent: { grantId } };
}

async function interactionOf(
  request: FastifyRequest<Params>,
  reply: FastifyReply,
  { provider }: InteractionParts,
): Promise<Interaction> {
  const found = await provider()
    .interactionDetails(request.raw, reply.raw)
    .catch(() => undefined);
  if (found?.uid !== request.params.uid)
    throw refuse('not_found', 'this request is over: start again in the program that sent you here');
  return found;
}

async function signedIn(
  request: FastifyRequest,
  interaction: Interaction,
  { sessions, people }: InteractionParts,
): Promise<Asked | undefined> {
  const session = await sessions.read(request.headers.cookie);
  const person = session && (await people.find(session.subject));
  return session === undefined || person === undefined ? undefined : { interaction, session, person };
}

async function clientOf({ params }: Interaction, { provider }: InteractionParts) {
  const client = await provider().Client.find(String(params['client_id']));
  if (client === undefined) throw refuse('not_found', 'the program that asks is not registered any more');
  return {
    id: client.clientId,
    name: client.clientName ?? client.clientId,
    redirectUris: client.redirectUris ?? [],
  };
}

function scopesOf({ params }: Interaction): readonly string[] {
  const asked = textOf(params['scope']).split(' ');
  return scopesSupported.filter((scope) => asked.includes(scope));
}

/** As the client wrote them: a grant is looked up by that spelling. */
function resourcesOf({ params }: Interaction, names: Names): readonly string[] {
  const asked = params['resource'] ?? `${names.issuer()}/mcp`;
  return (Array.isArray(asked) ? asked : [asked]).map(textOf);
}

/** The groups that the addresses name; `undefined` in it for a name that no group has. */
async function groupsNamed(
  interaction: Interaction,
  { names, people }: Pick<InteractionParts, 'names' | 'people'>,
): Promise<readonly (string | undefined)[]> {
  const named = resourcesOf(interaction, names).flatMap((resource) => names.addressOf(resource)?.group ?? []);
  return Promise.all(named.map((name) => people.groupNamed(name)));
}

/** The groups to choose from: where an address names one, that one alone. @throws Refusal `not_found` when none is left */
async function groupsFor({ interaction, person }: Asked, parts: InteractionParts): Promise<readonly Group[]> {
  const named = await groupsNamed(interaction, parts);
  const own = await parts.people.groupsOf(person.subject);
  const groups = own.filter(({ id }) => named.every((group) => group === id));
  // The same words whether the group is not theirs or does not exist.
  if (groups.length === 0) throw refuse('not_found', 'the address names no group that you are in');
  return groups;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** A private scheme is shown with what follows: whoever owns the scheme gets the answer, whatever host it names. */
function hostOf(address: string): string {
  const { protocol, host } = new URL(address);
  return protocol === 'https:' || protocol === 'http:' ? host : `${protocol}//${host}`;
}

function isLocal(address: string): boolean {
  const { protocol, hostname } = new URL(address);
  return protocol === 'http:' && /^(?:localhost|127(?:\.\d+){3}|\[::1\])$/.test(hostname);
}
