/** What a started gateway tells the person in front of it. */
export interface Started {
  /** Origin that clients use, without a trailing slash. */
  readonly origin: string;
  /** Signs the local administrator in, once; `undefined` when somebody has signed in before. */
  readonly signInLink: string | undefined;
  /** Names of the upstreams that are served. */
  readonly upstreams: readonly string[];
  readonly dataDir: string;
}

/**
 * The text that `sealgate start` prints: its own address first, then lines to copy into each client.
 * It is the one place where the first sign-in link is shown; the log never has it.
 */
export function banner({ origin, signInLink, upstreams, dataDir }: Started): string {
  const [first] = upstreams;
  const lines = [`Sealgate is listening on ${origin}`, ''];
  for (const name of upstreams) lines.push(`  Upstream ${name}: ${origin}/mcp/${name}`);
  if (upstreams.length === 0)
    lines.push('  No upstream yet. Add one: sealgate upstreams add <name> --url <address>');
  lines.push(`  Data: ${dataDir}`);
  if (signInLink !== undefined)
    lines.push(`  Sign in: ${signInLink}`, '    once, within 15 minutes; a new one: sealgate sign-in');
  if (first !== undefined) lines.push('', ...connectLines(first, `${origin}/mcp/${first}`));
  return `${lines.join('\n')}\n`;
}

function connectLines(name: string, url: string): readonly string[] {
  return [
    'Connect Claude Code:',
    `  claude mcp add --transport http ${name} ${url}`,
    'Connect Cursor (in ~/.cursor/mcp.json):',
    `  ${JSON.stringify({ mcpServers: { [name]: { url } } })}`,
    'Connect VS Code:',
    `  code --add-mcp '${JSON.stringify({ name, type: 'http', url })}'`,
    'Look with the MCP Inspector:',
    `  npx @modelcontextprotocol/inspector --cli ${url} --method tools/list`,
  ];
}
