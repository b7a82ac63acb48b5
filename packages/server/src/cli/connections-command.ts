import { Option, type Command } from 'commander';
import type { ConnectionLine } from '../domain/admin-answers.ts';
import { refuse } from '../errors.ts';
import { bringCommand } from './bring-command.ts';
import { administer, show, type CommandContext, type CommonOptions } from './context.ts';
import { readSecret } from './secret-input.ts';
import { columns } from './terminal.ts';

interface WhichOptions extends CommonOptions {
  readonly group?: boolean;
  readonly name: string;
}

interface SetOptions extends WhichOptions {
  readonly in?: 'header' | 'query' | 'env';
  readonly as?: string;
  readonly scheme?: 'bearer' | 'basic' | 'plain';
  readonly secretStdin?: boolean;
}

const setHelp = `
The secret is asked for without showing it, or read from standard input. It is never an argument.

Examples:
  sealgate connections set docs
  printf %s "$DOCS_API_KEY" | sealgate connections set docs
  sealgate connections set docs --in header --as X-Api-Key --scheme plain
  sealgate connections set docs --group
`;

/** `sealgate connections set|bring|list|remove`. */
export function connectionsCommand(program: Command, context: CommandContext): void {
  const connections = program
    .command('connections')
    .description('the credentials that are lent to upstreams');
  connections
    .command('set')
    .description('set the credential of an upstream; a child process that holds the old one ends')
    .argument('<upstream>')
    .option('--group', "the whole group's instead of your own")
    .option('--name <name>', 'one of several', 'default')
    .addOption(
      new Option('--in <place>', 'where it goes; the upstream says it when not given').choices([
        'header',
        'query',
        'env',
      ]),
    )
    .option('--as <name>', 'name of the header, query value or variable')
    .addOption(new Option('--scheme <scheme>', 'form of a header').choices(['bearer', 'basic', 'plain']))
    .option('--secret-stdin', 'read the secret from standard input, also at a terminal')
    .option('--json', 'print JSON')
    .addHelpText('after', setHelp)
    .action((upstream: string, options: SetOptions) => set(context, upstream, options));
  bringCommand(connections, context);
  connections
    .command('list')
    .description('list them, without their secrets')
    .option('--json', 'print JSON')
    .action((options: CommonOptions) => list(context, options));
  connections
    .command('remove')
    .description('remove one; a child process that holds it ends')
    .argument('<upstream>')
    .option('--group', "the whole group's instead of your own")
    .option('--name <name>', 'one of several', 'default')
    .option('--json', 'print JSON')
    .action((upstream: string, options: WhichOptions) => remove(context, upstream, options));
}

async function set(context: CommandContext, upstream: string, options: SetOptions): Promise<void> {
  const placement = placementOf(options);
  const secret = await readSecret(
    context.terminal,
    `Credential of ${upstream} (not shown): `,
    options.secretStdin === true,
  );
  const input = {
    upstream,
    group: options.group === true,
    name: options.name,
    secret,
    ...(placement === undefined ? {} : { placement }),
  };
  const line = (await administer(context, ({ call }) => call('connections.set', input))) as ConnectionLine;
  show(
    context,
    options,
    line,
    () =>
      `Set the ${line.owner === 'group' ? "group's " : ''}credential of ${upstream} (${line.placement})\n`,
  );
}

function placementOf({ in: place, as: name, scheme }: SetOptions): object | undefined {
  if (place === undefined) {
    if (name !== undefined || scheme !== undefined) throw refuse('usage', '--as and --scheme need --in');
    return undefined;
  }
  if (place === 'header')
    return {
      in: place,
      ...(name === undefined ? {} : { name: name.toLowerCase() }),
      scheme: scheme ?? (name === undefined ? 'bearer' : 'plain'),
    };
  if (scheme !== undefined) throw refuse('usage', '--scheme belongs to --in header');
  if (name === undefined) throw refuse('usage', `--in ${place} needs --as NAME`);
  return { in: place, name };
}

async function list(context: CommandContext, options: CommonOptions): Promise<void> {
  const lines = (await administer(context, ({ call }) =>
    call('connections.list', {}),
  )) as readonly ConnectionLine[];
  const rows = lines.map(({ upstream, name, owner, placement, origin, setAtMs }) => [
    upstream,
    name,
    owner,
    placement,
    origin === '' ? '(child process)' : origin,
    new Date(setAtMs).toISOString(),
  ]);
  const none = 'No credential yet. Set one: sealgate connections set <upstream>';
  show(context, options, lines, () =>
    columns(['UPSTREAM', 'NAME', 'OWNER', 'PLACE', 'SENT TO', 'SET AT'], rows, none),
  );
}

async function remove(context: CommandContext, upstream: string, options: WhichOptions): Promise<void> {
  const input = { upstream, group: options.group === true, name: options.name };
  const result = await administer(context, ({ call }) => call('connections.remove', input));
  show(context, options, result, () => `Removed the credential of ${upstream}\n`);
}
