import { Provider } from './provider-library.ts';
import {
  sealedRecords,
  sealedTables,
  systemTenant,
  type Audit,
  type Bus,
  type Records,
  type Sealer,
  type Tables,
} from '@sealgate/vault';
import type { FastifyInstance } from 'fastify';
import type { KoaContextWithOIDC } from 'oidc-provider';
import type { Limiter } from '../../domain/limit.ts';
import type { People } from '../../domain/people.ts';
import { pageHeaders } from '../pages/layout.ts';
import { errorPage } from '../pages/message-pages.ts';
import type { WebSessions } from '../web-session.ts';
import { openAccessEnds, type AccessEnds } from './access-ends.ts';
import { openAdapter, type AdapterParts } from './adapter.ts';
import { openClients, type Clients } from './clients.ts';
import { answeringLater, comingBack } from './come-again.ts';
import { providerConfiguration, type GuardedFetch } from './configuration.ts';
import { interactionRoutes } from './interactions.ts';
import { openArrivals, refreshAnswers } from './refresh-answers.ts';
import { openNames, type Names } from './resources.ts';
import { openReuse } from './reuse.ts';
import { authorizationRoutes, requestIdHeader } from './routes.ts';
import { openRevocations, type Revocations } from './revocations.ts';
import { openServerKeys } from './server-keys.ts';
import { recordsShelf, tablesShelf } from './shelf.ts';
import { openTokens, type Tokens } from './tokens.ts';

/** What the authorization server stands on. */
export interface AuthorizationServerParts {
  /** What lasts lies here: clients, grants, refresh tokens. */
  readonly tables: Tables;
  /** What ends soon lies here, and may be lost: codes, interactions, access tokens. */
  readonly records: Records;
  readonly sealer: Sealer;
  readonly people: People;
  readonly audit: Audit;
  /** Brings what was revoked elsewhere, and takes there what is revoked here. */
  readonly news: Pick<Bus, 'publish' | 'subscribe'>;
  /** For addresses that clients name. */
  readonly fetch: GuardedFetch;
  /** `AUTH_SECRET`. */
  readonly authSecret: string | undefined;
  /** `FRONTEND_URL`, else the address that is listened on. */
  readonly issuer: () => string;
  /** The port that is listened on; `undefined` when none is. */
  readonly port: () => number | undefined;
  /** Told of faults of ours. */
  readonly failed: (error: unknown) => void;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** What only a listening server has. */
export interface ServingParts {
  /** `undefined`: nobody can sign in here. */
  readonly sessions: WebSessions | undefined;
  /** By route and network. */
  readonly limiter: Limiter;
  readonly windowMs: number;
}

/** The authorization server of one deployment. */
export interface AuthorizationServer extends Pick<Revocations, 'onRevoked' | 'close'> {
  readonly clients: Clients;
  readonly names: Names;
  readonly tokens: Tokens;
  readonly ends: AccessEnds;
  routes(app: FastifyInstance, parts: ServingParts): void;
}

/** Open it; its keys are minted at the first time. The provider itself is made when the address is known. */
export async function openAuthorizationServer(parts: AuthorizationServerParts): Promise<AuthorizationServer> {
  const { people, now } = parts;
  const shelves = openShelves(parts);
  const keys = await openServerKeys(shelves.lasting, parts.authSecret);
  const names = openNames(parts);
  const tokens = openTokens({
    ...shelves,
    now,
    clientStands: (client) => clients.stands(client),
    isMember: (tenant, subject) => people.isMember(subject, tenant),
  });
  const { revoked, ...revocations } = await openRevocations(parts);
  revocations.onRevoked(tokens.forget);
  const { adapter, answersOfRefreshes } = openModels({ ...shelves, now, revoked });
  const provider = once(() => {
    const made = new Provider(
      names.issuer(),
      providerConfiguration({
        names,
        keys,
        adapter,
        fetch: parts.fetch,
        accountStands: async (subject) => (await people.find(subject)) !== undefined,
        clientStands: (client) => clients.stands(client),
        renderError,
      }),
    );
    made.proxy = names.issuer().startsWith('https:');
    made.use(answersOfRefreshes);
    return made.on('server_error', (_, error) => parts.failed(error));
  });
  const answer = once(() => provider().callback());
  const clients = openClients({ ...shelves, provider, revoked, now });
  return {
    clients,
    names,
    tokens,
    ends: openAccessEnds({ ...shelves, revoked }),
    ...revocations,
    routes(app, serving) {
      const { sessions } = serving;
      const routing = { ...serving, signsIn: sessions !== undefined, provider, answer, names, now };
      void app.register(async (scope) => authorizationRoutes(scope, routing));
      if (sessions === undefined) return;
      void app.register(async (scope) =>
        interactionRoutes(scope, { ...parts, sessions, provider, names, clients }),
      );
    },
  };
}

function openShelves({ tables, records, sealer, now }: AuthorizationServerParts) {
  const sealing = { kind: 'token', table: 'oauth_records', tenant: systemTenant } as const;
  return {
    lasting: tablesShelf(sealedTables(tables, sealer), sealer, now),
    passing: recordsShelf(sealedRecords(records, sealer, sealing), now),
  };
}

function openModels(parts: Omit<AdapterParts, 'reuse'>) {
  const arrivals = openArrivals(parts.now);
  const reuse = openReuse({ ...parts, asking: () => arrivals.asking(Provider.ctx) });
  const adapter = comingBack(openAdapter({ ...parts, reuse }));
  return { adapter, answersOfRefreshes: answeringLater(refreshAnswers(arrivals, reuse)) };
}

/** The provider's errors, as a page of ours. */
function renderError(context: KoaContextWithOIDC, said: string): void {
  context.set({ ...pageHeaders() });
  const message = `${said.slice(0, 1).toUpperCase()}${said.slice(1)}.`;
  context.body = errorPage({ title: 'This did not work', message, requestId: context.get(requestIdHeader) });
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}
