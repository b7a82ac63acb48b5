import type { Caller } from '../caller.ts';
import { covers, pathOfAddress, type McpAddress } from '../domain/mcp-address.ts';
import { refuse } from '../errors.ts';
import { mcpScope, type Names } from './as/resources.ts';
import type { Shown, Tokens } from './as/tokens.ts';

// Stop 2 of the walk: who. A token is taken from the `Authorization` header alone, for the upstream it was issued for.

/** What a request shows of itself before anybody knows who it is. */
export interface Presented {
  readonly authorization: string | undefined;
  /** The `DPoP` header. */
  readonly dpop: string | undefined;
  readonly method: string;
  readonly host: string | undefined;
  /** What is asked for. */
  readonly address: McpAddress;
  /** Address of the socket's other end; never a forwarded header. */
  readonly peer: string | undefined;
  readonly agent: string | undefined;
}

/** Stop 2 of the walk: who. */
export interface Bearer {
  /**
   * @throws Refusal `unauthorized`, the same for an absent, malformed, unknown, revoked and misdirected token;
   *   `scope_insufficient`
   */
  verify(presented: Presented): Promise<Caller>;
  /** Whether what was verified a while ago still holds; asked when something was revoked since. */
  holds(presented: Presented): Promise<boolean>;
}

/** The access tokens of the authorization server. @param groupOf the group that an address names, by id or url */
export function tokenBearer(
  tokens: Tokens,
  names: Names,
  groupOf: (name: string) => Promise<string | undefined>,
): Bearer {
  return {
    async verify(presented) {
      const shown = shownIn(presented, names);
      const verified = shown === undefined ? undefined : await tokens.verify(shown);
      const { address } = presented;
      const fits =
        verified !== undefined &&
        covers(verified.path, address) &&
        (await isOf(verified.tenant, address, groupOf));
      if (!fits) throw refuse('unauthorized', 'this address needs a valid bearer token');
      if (!verified.scopes.has(mcpScope))
        throw refuse('scope_insufficient', `this address needs the scope ${mcpScope}`);
      const { tenant, subject, client, grant, endsAtMs } = verified;
      return {
        tenant,
        subject,
        client,
        grant,
        endsAtMs,
        source: 'mcp',
        ip: presented.peer,
        agent: presented.agent,
      };
    },
    async holds(presented) {
      const shown = shownIn(presented, names);
      return shown !== undefined && tokens.holds(shown.token);
    },
  };
}

/**
 * Nobody is asked (`MCP_DEV_SKIP_AUTH`): whoever comes from this machine is the local administrator. The configuration
 * refuses it in production and where others reach the gateway.
 */
export function skippedBearer(administrator: { readonly tenant: string; readonly subject: string }): Bearer {
  return {
    async verify({ peer, agent }) {
      if (!isLoopback(peer)) throw refuse('unauthorized', 'this address needs a valid bearer token');
      return { ...administrator, client: 'development', source: 'mcp', ip: peer, agent };
    },
    holds: async () => true,
  };
}

/** A token never leaves the group it was granted for, whatever group the address names. */
async function isOf(
  tenant: string,
  { group }: McpAddress,
  groupOf: (name: string) => Promise<string | undefined>,
): Promise<boolean> {
  return group === undefined || group === tenant || (await groupOf(group)) === tenant;
}

function shownIn({ authorization, dpop, method, host, address }: Presented, names: Names): Shown | undefined {
  const [, scheme, token] = /^(Bearer|DPoP) ([A-Za-z0-9._~+/-]+=*)$/i.exec(authorization ?? '') ?? [];
  if (scheme === undefined || token === undefined) return undefined;
  if (scheme.toLowerCase() === 'bearer') return { token, dpop: undefined };
  if (dpop === undefined) return undefined;
  const path = pathOfAddress(address);
  const addresses = [`${names.origin(host)}${path}`, `${names.issuer()}${path}`];
  return { token, dpop: { proof: dpop, method, addresses } };
}

/** Whether the address is of this machine: 127.0.0.0/8, ::1, or the former mapped into IPv6 (RFC 4291 §2.5.5.2). */
export function isLoopback(address: string | undefined): boolean {
  return address !== undefined && /^(?:::1|(?:::ffff:)?127(?:\.\d{1,3}){3})$/i.test(address);
}
