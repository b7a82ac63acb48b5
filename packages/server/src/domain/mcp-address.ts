// The addresses MCP is served at: `/mcp` (all of a group's upstreams) and `/mcp/{upstream}`, for the group that a token is
// bound to, and the same below `/t/{group}`, which names it. Each is a resource of its own (RFC 8707).

/** What an MCP address names. */
export interface McpAddress {
  /** A group's id or url; `undefined`: the one that the token is bound to. */
  readonly group: string | undefined;
  /** `undefined`: all of them as one. */
  readonly upstream: string | undefined;
}

const pattern = /^(?:\/t\/([A-Za-z0-9][A-Za-z0-9-]{0,63}))?\/mcp(?:\/([a-z0-9][a-z0-9-]{0,31}))?$/;

/** Read the path of an address; `undefined` for any other path. */
export function readAddress(path: string): McpAddress | undefined {
  const found = pattern.exec(path);
  return found === null ? undefined : { group: found[1], upstream: found[2] };
}

/** The path of an address, without a slash at its end. */
export function pathOfAddress({ group, upstream }: McpAddress): string {
  const base = group === undefined ? '/mcp' : `/t/${group}/mcp`;
  return upstream === undefined ? base : `${base}/${upstream}`;
}

/** Whether what was granted for one path holds at an address: it names that address, or all upstreams of the same group. */
export function covers(path: string, address: McpAddress): boolean {
  return path === pathOfAddress(address) || path === pathOfAddress({ ...address, upstream: undefined });
}
