import { Command, CommanderError } from 'commander';
import { Refusal } from '@sealgate/vault';
import { refuse } from '../errors.ts';
import { auditCommand } from './audit-command.ts';
import { clientsCommand } from './clients-command.ts';
import { connectionsCommand } from './connections-command.ts';
import type { CommandContext, Product } from './context.ts';
import { costCommand } from './cost-command.ts';
import { exitCode, exitCodeOf } from './exit-code.ts';
import { keysCommand } from './keys-command.ts';
import { policyCommand } from './policy-command.ts';
import { stateCommands } from './state-commands.ts';
import { stdioCommand } from './stdio-command.ts';
import { tablesCommand } from './tables-command.ts';
import { tenantsCommand } from './tenants-command.ts';
import type { Terminal } from './terminal.ts';
import { transferCommands } from './transfer-command.ts';
import { upstreamsCommand } from './upstreams-command.ts';

const help = `
Commands work on the gateway that runs on DATA_DIR, or on the directory itself when none runs.

Exit codes:
  0  done
  1  refused or failed; doctor found something broken
  2  the command line is wrong
  3  no gateway runs, or it went away
  4  another process has the data directory
audit verify <log> has its own: sealgate audit verify --help

Examples:
  sealgate start
  sealgate upstreams add docs --url https://docs.example/mcp --credential bearer
  sealgate connections set docs
  sealgate doctor
`;

/** Run one command line to its end. @returns the exit code */
export async function runCommand(
  argv: readonly string[],
  terminal: Terminal,
  product: Product,
): Promise<number> {
  const context: CommandContext = { product, terminal, exitCode: exitCode.ok };
  try {
    refuseSecretArguments(argv);
    await programFor(context).parseAsync([...argv], { from: 'user' });
    return context.exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) terminal.stderr.write(complaint(error));
    return context.failureCode ?? exitCodeOf(error);
  }
}

function programFor(context: CommandContext): Command {
  const { terminal, product } = context;
  const program = new Command('sealgate')
    .description('A self-hosted MCP gateway with a sealed credential vault.')
    .version(product.version)
    .configureOutput({
      writeOut: (text) => void terminal.stdout.write(text),
      writeErr: (text) => void terminal.stderr.write(text),
      // What follows an unknown option may be a secret that was meant for a prompt.
      outputError: (text, write) => write(text.replace(/('--?[^'=\s]+)=.*'/s, "$1'")),
    })
    .exitOverride()
    .showHelpAfterError('(sealgate <command> --help says more)')
    .addHelpText('after', help);
  stateCommands(program, context);
  stdioCommand(program, context);
  upstreamsCommand(program, context);
  connectionsCommand(program, context);
  clientsCommand(program, context);
  tenantsCommand(program, context);
  auditCommand(program, context);
  keysCommand(program, context);
  policyCommand(program, context);
  costCommand(program, context);
  tablesCommand(program, context);
  transferCommands(program, context);
  return program;
}

// Whoever tries to pass a secret as an argument is told how to pass it, and it is not printed once more.
function refuseSecretArguments(argv: readonly string[]): void {
  const own = argv.slice(0, argv.indexOf('--') === -1 ? undefined : argv.indexOf('--'));
  const named = own.some((argument) =>
    /^--?(?:secret|token|password|pass|api-?key|key|value)(?:=|$)/i.test(argument),
  );
  // The key of a policy is the name of one.
  if (own[0] === 'policy') return;
  const extra = own[0] === 'connections' && own[1] === 'set' && positionals(own.slice(2)) > 1;
  if (named || extra)
    throw refuse(
      'usage',
      'a secret is never an argument: type it at the prompt, or pipe it in: printf %s "$SECRET" | sealgate connections set <upstream>',
    );
}

function positionals(argv: readonly string[]): number {
  const valued = new Set(['--name', '--in', '--as', '--scheme']);
  return argv.filter((argument, at) => !argument.startsWith('-') && !valued.has(argv[at - 1] ?? '')).length;
}

function complaint(error: unknown): string {
  if (error instanceof Refusal) return `sealgate: ${error.message} (${error.code})\n`;
  return `sealgate: ${error instanceof Error ? (error.stack ?? error.message) : 'something went wrong'}\n`;
}
