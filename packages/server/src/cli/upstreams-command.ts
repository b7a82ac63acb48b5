import type { Command } from 'commander';
import type { UpstreamLine } from '../domain/admin-answers.ts';
import { placementOf } from '../domain/upstream-rules.ts';
import { refuse } from '../errors.ts';
import { administer, show, type CommandContext, type CommonOptions } from './context.ts';
import { columns } from './terminal.ts';

interface AddOptions extends CommonOptions {
  readonly url?: string;
  readonly command?: string;
  readonly env?: readonly string[];
  readonly cwd?: string;
  readonly credential?: string;
  readonly audit?: readonly string[];
}

const addHelp = `
Where a credential goes (--credential):
  bearer             Authorization: Bearer <secret>
  basic              Authorization: Basic <base64 of name:password>
  header:X-Api-Key   X-Api-Key: <secret>
  query:key          ?key=<secret>
  env:API_TOKEN      a variable of the command's environment

Examples:
  sealgate upstreams add docs --url https://docs.example/mcp --credential bearer
  sealgate upstreams add files --command npx -- -y @modelcontextprotocol/server-filesystem /srv
  sealgate upstreams add github --command github-mcp --credential env:GITHUB_TOKEN
`;

/** `sealgate upstreams add|list|remove`. */
export function upstreamsCommand(program: Command, context: CommandContext): void {
  const upstreams = program.command('upstreams').description('the MCP servers behind the gateway');
  upstreams
    .command('add')
    .description('add an MCP server; it is served at /mcp/<name>')
    .argument('<name>', 'a-z, 0-9 and "-", 32 characters at most')
    .argument('[arguments...]', 'of the command, after --')
    .option('--url <address>', 'address of a Streamable HTTP server')
    .option('--command <command>', 'program of a stdio server, run without a shell')
    .option('--env <NAME=value>', 'plain setting of the command; again for more', gather)
    .option('--cwd <folder>', 'working directory of the command')
    .option(
      '--credential <place>',
      'where its credential goes; the secret itself is set with: sealgate connections set',
    )
    .option(
      '--audit <field=rule>',
      'what the log keeps of a parameter: clear, hmac (a keyed tag, as of all others) or drop; again for more',
      gather,
    )
    .option('--json', 'print JSON')
    .addHelpText('after', addHelp)
    .action((name: string, args: readonly string[], options: AddOptions) =>
      add(context, name, args, options),
    );
  upstreams
    .command('list')
    .description('list them, and whether a credential is set')
    .option('--json', 'print JSON')
    .action((options: CommonOptions) => list(context, options));
  upstreams
    .command('remove')
    .description('remove one, with its credentials')
    .argument('<name>')
    .option('--json', 'print JSON')
    .action((name: string, options: CommonOptions) => remove(context, name, options));
}

async function add(
  context: CommandContext,
  name: string,
  args: readonly string[],
  options: AddOptions,
): Promise<void> {
  const upstream = definition(name, args, options);
  const result = await administer(context, ({ call }) => call('upstreams.add', { upstream }));
  const next =
    upstream.credential === undefined ? '' : `Set its credential: sealgate connections set ${name}\n`;
  show(context, options, result, () => `Added ${name}; it is served at /mcp/${name}\n${next}`);
}

function definition(
  name: string,
  args: readonly string[],
  { url, command, env, cwd, audit, credential: place }: AddOptions,
) {
  const credential = place === undefined ? undefined : placementOf(place);
  if (place !== undefined && credential === undefined)
    throw refuse(
      'usage',
      '--credential is bearer, basic, header:NAME, query:NAME or env:NAME; the secret is asked for by: sealgate connections set',
    );
  const where = {
    ...(credential === undefined ? {} : { credential }),
    ...(audit === undefined
      ? {}
      : { audit: { fields: pairsOf('--audit is FIELD=clear, =hmac or =drop', audit) } }),
  };
  if (url !== undefined && command === undefined) {
    if (args.length > 0 || env !== undefined || cwd !== undefined)
      throw refuse('usage', 'arguments, --env and --cwd belong to --command');
    return { kind: 'http', name, url, ...where };
  }
  if (command === undefined || url !== undefined)
    throw refuse('usage', 'give either --url <address> or --command <command>');
  return {
    kind: 'stdio',
    name,
    command,
    args,
    env: pairsOf('--env is NAME=value', env ?? []),
    ...(cwd === undefined ? {} : { cwd }),
    ...where,
  };
}

function pairsOf(form: string, pairs: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at < 1) throw refuse('usage', form);
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

async function list(context: CommandContext, options: CommonOptions): Promise<void> {
  const lines = (await administer(context, ({ call }) =>
    call('upstreams.list', {}),
  )) as readonly UpstreamLine[];
  const rows = lines.map(({ name, kind, target, credential, connected, origin }) => [
    name,
    kind,
    credential ?? '-',
    credential === undefined && !connected ? '-' : connected ? 'set' : 'missing',
    origin,
    target,
  ]);
  const none = 'No upstream yet. Add one: sealgate upstreams add <name> --url <address>';
  show(context, options, lines, () =>
    columns(['NAME', 'KIND', 'CREDENTIAL', 'STATE', 'FROM', 'TARGET'], rows, none),
  );
}

async function remove(context: CommandContext, name: string, options: CommonOptions): Promise<void> {
  const result = (await administer(context, ({ call }) => call('upstreams.remove', { name }))) as {
    connections: number;
  };
  const gone =
    result.connections === 0
      ? ''
      : ` and ${result.connections} ${result.connections === 1 ? 'credential' : 'credentials'}`;
  show(context, options, result, () => `Removed ${name}${gone}\n`);
}

function gather(one: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), one];
}
