import type { Configuration, KoaContextWithOIDC } from 'oidc-provider';
import { pathOfAddress } from '../../domain/mcp-address.ts';
import { errors } from './provider-library.ts';
import type { openAdapter } from './adapter.ts';
import { originMember, policyFor, redirectAllowed } from './registration.ts';
import { mcpScope, scopesSupported, type Names } from './resources.ts';
import type { ServerKeys } from './server-keys.ts';

/** Fetches an address that came from outside; refuses what must not be reached. */
export type GuardedFetch = (address: string | URL | Request, init?: RequestInit) => Promise<Response>;

/** What the configuration is made from. */
export interface ConfigurationParts {
  readonly names: Names;
  readonly keys: ServerKeys;
  readonly adapter: ReturnType<typeof openAdapter>;
  readonly fetch: GuardedFetch;
  /** Whether the person exists. */
  readonly accountStands: (subject: string) => Promise<boolean>;
  /** Whether a client that describes itself by a document may come in. */
  readonly clientStands: (client: string) => Promise<boolean>;
  /** Shows an error to a person. */
  readonly renderError: (context: KoaContextWithOIDC, message: string) => void;
}

const hour = 3600;
const day = 24 * hour;

/** Seconds. A refresh token lives on with its use; a grant outlives them all. */
const ttl = {
  AccessToken: hour,
  AuthorizationCode: 60,
  Grant: 180 * day,
  IdToken: hour,
  InitialAccessToken: 30 * day,
  Interaction: 15 * 60,
  RefreshToken: 30 * day,
  Session: 15 * 60,
};

/** The provider's configuration; docs/sign-in.md says what follows from it. */
export function providerConfiguration(parts: ConfigurationParts): Configuration {
  const { names, keys, adapter, accountStands } = parts;
  return {
    adapter,
    jwks: keys.jwks as unknown as NonNullable<Configuration['jwks']>,
    cookies: {
      keys: [...keys.cookieKeys],
      names: { session: 'sealgate_as', interaction: 'sealgate_interaction', resume: 'sealgate_resume' },
      short: { httpOnly: true, sameSite: 'lax', signed: true },
      long: { httpOnly: true, sameSite: 'lax', signed: true },
    },
    clientDefaults: {
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      id_token_signed_response_alg: 'ES256',
    },
    clientAuthMethods: ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'],
    extraClientMetadata: { properties: [originMember] },
    responseTypes: ['code'],
    scopes: [...scopesSupported],
    pkce: { required: () => true },
    rotateRefreshToken: (context) => isForKnownResource(context, names),
    issueRefreshToken: async (_, client) => client.grantTypeAllowed('refresh_token'),
    expiresWithSession: async () => false,
    loadExistingGrant: async ({ oidc }) => {
      const id = oidc.result?.consent?.grantId;
      return id === undefined ? undefined : oidc.provider.Grant.find(id);
    },
    findAccount: async (_, id) =>
      (await accountStands(id)) ? { accountId: id, claims: () => ({ sub: id }) } : undefined,
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    clientBasedCORS: () => true,
    ttl,
    routes: {
      authorization: '/authorize',
      introspection: '/introspect',
      jwks: '/jwks',
      registration: '/register',
      revocation: '/revoke',
      token: '/token',
    },
    fetch: (address, options) => parts.fetch(address, options),
    fetchResponseBodyLimits: { jwks_uri: 64 * 1024, sector_identifier_uri: 64 * 1024 },
    renderError: (context, out) => parts.renderError(context, out.error_description ?? out.error),
    features: features(parts) as Configuration['features'],
  };
}

// Before the token is used: the provider finds out only afterwards, and a token that led to nothing would be lost to all
// who share it.
function isForKnownResource({ oidc }: KoaContextWithOIDC, names: Names): true {
  const token = oidc.entities.RefreshToken;
  const [resource] = [oidc.params?.['resource'] ?? token?.resource].flat();
  if (typeof resource !== 'string') return true;
  if (token?.resourceIndicators.has(resource) !== true)
    throw new errors.InvalidTarget('the token is not for this resource');
  if (names.addressOf(resource) === undefined)
    throw new errors.InvalidTarget('this gateway has no such resource');
  return true;
}

function features({ names, keys, clientStands }: ConfigurationParts) {
  const own = (_: unknown, client: { clientId: string }, token: { clientId?: string }) =>
    token.clientId === client.clientId;
  return {
    devInteractions: { enabled: false },
    rpInitiatedLogout: { enabled: false },
    userinfo: { enabled: false },
    pushedAuthorizationRequests: { enabled: false },
    revocation: { enabled: true, allowedPolicy: async (...asked: Parameters<typeof own>) => own(...asked) },
    introspection: {
      enabled: true,
      allowedPolicy: async (...asked: Parameters<typeof own>) => own(...asked),
    },
    registration: {
      enabled: true,
      initialAccessToken: true,
      policies: { open: policyFor('open'), token: policyFor('token') },
    },
    registrationManagement: { enabled: true, rotateRegistrationAccessToken: true },
    dPoP: { enabled: true, nonceSecret: keys.nonceSecret, requireNonce: () => false },
    clientIdMetadataDocument: {
      enabled: true,
      ack: 'draft-02' as const,
      allowFetch: async (_: unknown, client: string) => clientStands(client),
      allowClient: async (_: unknown, client: { clientId: string; redirectUris?: readonly string[] }) =>
        (client.redirectUris ?? []).every(redirectAllowed) && (await clientStands(client.clientId)),
      cacheDuration: { min: 30, max: hour },
    },
    resourceIndicators: {
      enabled: true,
      defaultResource: async (_: unknown, __: unknown, oneOf?: string[]) =>
        oneOf?.[0] ?? `${names.issuer()}/mcp`,
      useGrantedResource: async () => true,
      getResourceServerInfo: async (_: unknown, resource: string) => {
        const address = names.addressOf(resource);
        if (address === undefined) throw new errors.InvalidTarget('this gateway has no such resource');
        return {
          scope: mcpScope,
          audience: `${names.issuer()}${pathOfAddress(address)}`,
          accessTokenFormat: 'opaque' as const,
          accessTokenTTL: hour,
        };
      },
    },
  };
}
