import { errors } from './provider-library.ts';

// What a client may register (RFC 7591), whoever lets it in. Every client here is a `native` one: loopback redirects go to
// any port, private schemes are allowed, plain http goes to this machine only, and consent is asked for each time.

/** How a client came in: by itself, with an initial access token, by the command line. */
export const origins = ['open', 'token', 'admin'] as const;

/** One of {@link origins}. */
export type ClientOrigin = (typeof origins)[number];

/** The member of our own that says it. Clients cannot set it. */
export const originMember = 'sealgate_origin';

const kept = new Set([
  'client_id',
  'client_id_issued_at',
  'client_name',
  'client_secret',
  'client_secret_expires_at',
  'client_uri',
  'dpop_bound_access_tokens',
  'grant_types',
  'jwks',
  'policy_uri',
  'redirect_uris',
  'response_types',
  'token_endpoint_auth_method',
  'tos_uri',
]);
const grantTypes = ['authorization_code', 'refresh_token'];
const refusedSchemes = /^(?:javascript|data|vbscript|file|blob|about|filesystem|view-source|ws|wss|ftp):/i;
const redirectsMax = 20;
const redirectBytesMax = 2048;

/** The metadata of one registration, changed in place as the provider's policies do. @throws InvalidClientMetadata, InvalidRedirectUri */
export function policyFor(origin: ClientOrigin) {
  return (_: unknown, properties: Record<string, unknown>): void => {
    for (const member of Object.keys(properties)) if (!kept.has(member)) delete properties[member];
    checkRedirects(properties['redirect_uris']);
    checkName(properties);
    properties['application_type'] = 'native';
    properties['response_types'] = ['code'];
    const asked = properties['grant_types'];
    properties['grant_types'] = Array.isArray(asked)
      ? [...new Set(['authorization_code', ...asked.filter((type) => grantTypes.includes(type as string))])]
      : grantTypes;
    if (properties['token_endpoint_auth_method'] === undefined) {
      // Who does not say how it authenticates is a public client; the provider has made a secret by now.
      properties['token_endpoint_auth_method'] = 'none';
      delete properties['client_secret'];
      delete properties['client_secret_expires_at'];
    }
    properties[originMember] = origin;
  };
}

/** Whether a redirect address may be a client's at all; the provider's own rules come on top. */
export function redirectAllowed(address: unknown): boolean {
  if (typeof address !== 'string' || Buffer.byteLength(address) > redirectBytesMax) return false;
  const url = URL.parse(address);
  // Whatever is not printable ASCII, a backslash or user information reads differently to a person and to a browser.
  if (url === null || refusedSchemes.test(address) || !/^[\x21-\x5b\x5d-\x7e]+$/.test(address)) return false;
  return url.username === '' && url.password === '' && !address.includes('#');
}

function checkRedirects(addresses: unknown): void {
  if (!Array.isArray(addresses) || addresses.length === 0 || addresses.length > redirectsMax)
    throw new errors.InvalidRedirectUri(`redirect_uris must have 1 to ${redirectsMax} addresses`);
  if (!addresses.every(redirectAllowed))
    throw new errors.InvalidRedirectUri('redirect_uris has an address that is not allowed');
}

function checkName(properties: Record<string, unknown>): void {
  const name = properties['client_name'];
  if (name === undefined) return;
  // No control, direction or invisible characters: the name is what people decide by.
  if (typeof name !== 'string' || name.length > 100 || /[\p{C}\p{Zl}\p{Zp}]/u.test(name))
    throw new errors.InvalidClientMetadata('client_name must be readable text of at most 100 characters');
}
