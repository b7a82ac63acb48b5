import { pathOfAddress, readAddress, type McpAddress } from '../../domain/mcp-address.ts';
import { refuse } from '../../errors.ts';
import { dpopAlgorithms } from './dpop-proof.ts';

// What a token is for (RFC 8707). There is one resource for each MCP address, and `{origin}/mcp` for clients that name
// none. A client may call the gateway by any of its accepted names and spell the address with or without a slash at the
// end; what a token is bound to is always the path.

/** The scope that every call needs. */
export const mcpScope = 'mcp';
/** Everything a client may ask for. */
export const scopesSupported = ['openid', 'offline_access', mcpScope] as const;

const localNames = ['localhost', '127.0.0.1', '[::1]'];

/** How the gateway is reached. */
export interface Reached {
  /** The one issuer: `FRONTEND_URL`, else the address that is listened on. */
  readonly issuer: () => string;
  /** The port that is listened on; `undefined` when none is. */
  readonly port: () => number | undefined;
}

/** The names a request may call the gateway by, and what follows from the one that it used. */
export interface Names {
  readonly issuer: () => string;
  /** The origin that the client used: the public one or a local one. @throws Refusal `host_forbidden` */
  origin(host: string | undefined): string;
  /** The MCP address of a resource indicator; `undefined` when it is none of ours. */
  addressOf(resource: string): McpAddress | undefined;
}

/** Read the names of a gateway. */
export function openNames({ issuer, port }: Reached): Names {
  const known = (): string[] => {
    const at = port();
    const locals = at === undefined ? [] : localNames.map((name) => new URL(`http://${name}:${at}`).origin);
    return [issuer(), ...locals];
  };
  return {
    issuer,
    origin(host) {
      const asked = known().find((origin) => new URL(origin).host === host?.toLowerCase());
      if (asked === undefined)
        throw refuse('host_forbidden', 'the gateway does not answer to this host name');
      return asked;
    },
    addressOf(resource) {
      const url = URL.parse(resource);
      if (url === null || !known().includes(url.origin)) return undefined;
      if (`${url.username}${url.password}${url.search}${url.hash}` !== '') return undefined;
      return readAddress(url.pathname.replace(/\/$/, ''));
    },
  };
}

/** The protected resource metadata of one address (RFC 9728 §2). */
export function resourceMetadata(names: Names, host: string | undefined, address: McpAddress) {
  return {
    resource: `${names.origin(host)}${pathOfAddress(address)}`,
    authorization_servers: [names.issuer()],
    scopes_supported: [mcpScope],
    bearer_methods_supported: ['header'],
    dpop_signing_alg_values_supported: [...dpopAlgorithms],
    resource_name: ['Sealgate', address.group, address.upstream]
      .filter((part) => part !== undefined)
      .join(': '),
  };
}

/** Where the metadata of an address lies (RFC 9728 §3.1: the path is inserted after the well-known part). */
export function metadataAddress(names: Names, host: string | undefined, address: McpAddress): string {
  return `${names.origin(host)}/.well-known/oauth-protected-resource${pathOfAddress(address)}`;
}
