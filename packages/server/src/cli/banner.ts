/** What a started gateway tells the person in front of it. */
export interface Started {
  /** Origin that clients use, without a trailing slash. */
  readonly origin: string;
  /** `undefined` in production, where there is no development bearer. */
  readonly bearer: string | undefined;
  /** Names of the upstreams that are served. */
  readonly upstreams: readonly string[];
  readonly dataDir: string;
}

/**
 * The text that `sealgate start` prints: its own address first, then lines to copy into each client.
 * It is the one place where the development bearer is shown; the log never has it.
 */
export function banner({ origin, bearer, upstreams, dataDir }: Started): string {
  const [first] = upstreams;
  const lines = [`Sealgate is listening on ${origin}`, ''];
  for (const name of upstreams) lines.push(`  Upstream ${name}: ${origin}/mcp/${name}`);
  if (upstreams.length === 0)
    lines.push('  No upstream yet. Add one: sealgate upstreams add <name> --url <address>');
  lines.push(`  Data: ${dataDir}`);
  if (bearer === undefined) {
    lines.push(
      '',
      '  Production: the development bearer is off, so no client can sign in to this version yet.',
    );
    return `${lines.join('\n')}\n`;
  }
  lines.push(
    `  Bearer (development): ${bearer}`,
    '    taken from this machine only; it stays the same after a restart',
  );
  if (first !== undefined) lines.push('', ...connectLines(first, `${origin}/mcp/${first}`, bearer));
  return `${lines.join('\n')}\n`;
}

function connectLines(name: string, url: string, bearer: string): readonly string[] {
  const authorization = `Bearer ${bearer}`;
  const headers = { Authorization: authorization };
  return [
    'Connect Claude Code:',
    `  claude mcp add --transport http ${name} ${url} --header "Authorization: ${authorization}"`,
    'Connect Cursor (in ~/.cursor/mcp.json):',
    `  ${JSON.stringify({ mcpServers: { [name]: { url, headers } } })}`,
    'Connect VS Code:',
    `  code --add-mcp '${JSON.stringify({ name, type: 'http', url, headers })}'`,
    'Look with the MCP Inspector:',
    `  npx @modelcontextprotocol/inspector --cli ${url} --header "Authorization: ${authorization}" --method tools/list`,
  ];
}
