import { createHash, generateKeyPairSync, randomBytes, randomUUID, sign } from 'node:crypto';
import { callback } from './fixtures/sign-in.ts';
import type { Browser } from './judges/browser.ts';

// An OAuth client that says which of two gateways each of its requests goes to.

/** One of the gateways. */
export type At = 'a' | 'b';

/** What the gateway said. */
export interface Said {
  readonly status: number;
  readonly body: Readonly<Record<string, string>>;
}

/** A client of one deployment. */
export interface PartedClient {
  register(at: At): Promise<Readonly<Record<string, string>>>;
  /** Where the person is sent to agree, and the verifier of the code that comes back. */
  authorization(clientId: string): { readonly url: string; readonly verifier: string };
  token(
    at: At,
    form: Readonly<Record<string, string>>,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Said>;
  /** `ping` at an MCP address. */
  ping(at: At, upstream: string, headers: Readonly<Record<string, string>>): Promise<Response>;
}

async function said(answer: Response): Promise<Said> {
  const text = await answer.text();
  return { status: answer.status, body: text === '' ? {} : (JSON.parse(text) as Said['body']) };
}

/** Open one. */
export function partedClient(origin: string): PartedClient {
  return {
    async register(at) {
      const metadata = {
        client_name: 'A client of two gateways',
        redirect_uris: [callback],
        token_endpoint_auth_method: 'none',
      };
      const headers = { 'content-type': 'application/json', 'x-to': at };
      const answer = await fetch(`${origin}/register`, {
        method: 'POST',
        headers,
        body: JSON.stringify(metadata),
      });
      return (await said(answer)).body;
    },
    authorization(clientId) {
      const verifier = randomBytes(32).toString('base64url');
      const request = new URLSearchParams({
        client_id: clientId,
        response_type: 'code',
        redirect_uri: callback,
        scope: 'mcp offline_access',
        prompt: 'consent',
        resource: `${origin}/mcp`,
        code_challenge: createHash('sha256').update(verifier).digest('base64url'),
        code_challenge_method: 'S256',
      });
      return { url: `${origin}/authorize?${request}`, verifier };
    },
    token: async (at, form, headers = {}) =>
      said(
        await fetch(`${origin}/token`, {
          method: 'POST',
          headers: { 'x-to': at, ...headers },
          body: new URLSearchParams(form),
        }),
      ),
    ping: (at, upstream, headers) =>
      fetch(`${origin}/mcp/${upstream}`, {
        method: 'POST',
        headers: {
          'x-to': at,
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          ...headers,
        },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: initialize }),
      }),
  };
}

const initialize = {
  protocolVersion: '2025-11-25',
  capabilities: {},
  clientInfo: { name: 'parted', version: '1' },
};

/** The form that redeems the code at the end of a visit. */
export async function agreed(
  client: PartedClient,
  person: Browser,
  clientId: string,
): Promise<Readonly<Record<string, string>>> {
  const { url, verifier } = client.authorization(clientId);
  const end = await person.visit(url);
  const code = new URL(end.url).searchParams.get('code');
  if (code === null) throw new Error(`no code at ${end.url}: ${end.status} ${end.text.slice(0, 500)}`);
  return {
    grant_type: 'authorization_code',
    client_id: clientId,
    code,
    code_verifier: verifier,
    redirect_uri: callback,
  };
}

/** Makes DPoP proofs (RFC 9449) with a key of its own. */
export function proofMaker(): (method: string, address: string, token?: string) => string {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const header = { typ: 'dpop+jwt', alg: 'ES256', jwk: publicKey.export({ format: 'jwk' }) };
  return (method, address, token) => {
    const ath = token === undefined ? {} : { ath: createHash('sha256').update(token).digest('base64url') };
    const iat = Math.floor(Date.now() / 1000);
    const text = `${encode(header)}.${encode({ jti: randomUUID(), htm: method, htu: address, iat, ...ath })}`;
    const signature = sign('sha256', Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' });
    return `${text}.${signature.toString('base64url')}`;
  };
}
