import type { Placement, RedactionRule } from '@sealgate/vault';

/**
 * What the log keeps of the parameters of calls, by name of the field: `clear`, `hmac` (a keyed tag, as of every field that is
 * not named) or `drop`.
 */
export interface UpstreamAudit {
  readonly fields?: Readonly<Record<string, RedactionRule>> | undefined;
  /** For one tool or prompt, before `fields`. */
  readonly tools?:
    Readonly<Record<string, { readonly fields: Readonly<Record<string, RedactionRule>> }>> | undefined;
}

/** An MCP server behind the gateway, reached over Streamable HTTP. */
export interface HttpUpstream {
  readonly kind: 'http';
  readonly name: string;
  /** The MCP address, `http:` or `https:`, without user, password or fragment. */
  readonly url: string;
  /** Where its credential goes; `undefined` when it takes none. */
  readonly credential: Placement | undefined;
  /** `undefined`: every parameter is tagged. */
  readonly audit?: UpstreamAudit | undefined;
}

/** An MCP server that runs as a child process of the gateway. */
export interface StdioUpstream {
  readonly kind: 'stdio';
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Plain settings only; a value that looks like a secret is refused when the upstream is added. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string | undefined;
  readonly credential: Extract<Placement, { in: 'env' }> | undefined;
  /** `undefined`: every parameter is tagged. */
  readonly audit?: UpstreamAudit | undefined;
}

/** What the gateway can reach. `name` is `[a-z0-9][a-z0-9-]{0,31}`, unique in its group, and the last part of `/mcp/{upstream}`. */
export type Upstream = HttpUpstream | StdioUpstream;
