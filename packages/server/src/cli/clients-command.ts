import type { Command } from 'commander';
import type { ClientLine } from '../domain/admin-answers.ts';
import { administer, show, type CommandContext, type CommonOptions } from './context.ts';
import { runningGateway } from './gateway.ts';
import { columns } from './terminal.ts';

interface AddOptions extends CommonOptions {
  readonly redirect: readonly string[];
  readonly confidential?: boolean;
}

/** `sealgate clients add|invite|list|remove` and `sealgate sign-in`. */
export function clientsCommand(program: Command, context: CommandContext): void {
  const clients = program.command('clients').description('the programs that people let in by OAuth');
  clients
    .command('list')
    .description('list them, and how each came in')
    .option('--json', 'print JSON')
    .action((options: CommonOptions) => list(context, options));
  clients
    .command('add')
    .description('add one by hand, for programs that cannot register themselves')
    .argument('<name>', 'as people will see it')
    .requiredOption('--redirect <address>', 'where it is called back; again for more', gather)
    .option('--confidential', 'it can keep a secret: print one, this once')
    .option('--json', 'print JSON')
    .action((name: string, options: AddOptions) => add(context, name, options));
  clients
    .command('invite')
    .description('print a token with which a program may register (RFC 7591)')
    .option('--json', 'print JSON')
    .action((options: CommonOptions) => invite(context, options));
  clients
    .command('remove')
    .description('remove one with all its tokens; one that is an https address is kept out from now on')
    .argument('<id>')
    .option('--json', 'print JSON')
    .action((id: string, options: CommonOptions) => remove(context, id, options));
  program
    .command('sign-in')
    .description('print a link that signs the local administrator in, once, within 15 minutes')
    .option('--json', 'print JSON')
    .action((options: CommonOptions) => signIn(context, options));
}

async function list(context: CommandContext, options: CommonOptions): Promise<void> {
  const lines = (await administer(context, ({ call }) => call('clients.list', {}))) as readonly ClientLine[];
  const rows = lines.map(({ id, name, origin, confidential, redirectUris }) => [
    id,
    name,
    origin,
    confidential ? 'yes' : 'no',
    redirectUris.join(' '),
  ]);
  const none =
    'No client yet. Most register themselves; add one: sealgate clients add <name> --redirect <address>';
  show(context, options, lines, () => columns(['ID', 'NAME', 'FROM', 'SECRET', 'REDIRECTS'], rows, none));
}

async function add(
  context: CommandContext,
  name: string,
  { redirect, confidential = false, ...options }: AddOptions,
): Promise<void> {
  const input = { name, redirectUris: redirect, confidential };
  const result = (await administer(context, ({ call }) => call('clients.add', input))) as {
    readonly id: string;
    readonly secret?: string;
  };
  const secret = result.secret === undefined ? '' : `Its secret, shown this once: ${result.secret}\n`;
  show(context, options, result, () => `Added ${name}; its client id: ${result.id}\n${secret}`);
}

async function invite(context: CommandContext, options: CommonOptions): Promise<void> {
  const result = (await administer(context, ({ call }) => call('clients.invite', {}))) as {
    readonly token: string;
  };
  show(context, options, result, () => `Initial access token, for 30 days: ${result.token}\n`);
}

async function remove(context: CommandContext, id: string, options: CommonOptions): Promise<void> {
  const result = await administer(context, ({ call }) => call('clients.remove', { id }));
  show(context, options, result, () => `Removed ${id} and everything it was given\n`);
}

async function signIn(context: CommandContext, options: CommonOptions): Promise<void> {
  const { call } = await runningGateway(context.product.readConfig(), context.terminal.cwd);
  const result = (await call('sign-in.link', {})) as { readonly link: string };
  show(context, options, result, () => `${result.link}\n`);
}

function gather(one: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), one];
}
