import type { Command } from 'commander';
import type { Finding, Status } from '../domain/admin-answers.ts';
import { administer, show, type CommandContext, type CommonOptions } from './context.ts';
import { exitCode } from './exit-code.ts';
import { runningGateway } from './gateway.ts';

/** `sealgate start`, `sealgate status` and `sealgate doctor`. */
export function stateCommands(program: Command, context: CommandContext): void {
  program
    .command('start')
    .description('start the gateway and print where it listens')
    .addHelpText(
      'after',
      '\nConfiguration comes from the environment and from .env: docs/configuration.md.\n',
    )
    .action(async () => {
      context.exitCode = await context.product.start(context.product.readConfig(), context.terminal);
    });
  program
    .command('status')
    .description('say what the running gateway does')
    .option('--json', 'print JSON')
    .action((options: CommonOptions) => status(context, options));
  program
    .command('doctor')
    .description('check configuration, keys, files, journal and upstreams, and say what to do')
    .option('--json', 'print JSON')
    .action((options: CommonOptions) => doctor(context, options));
}

async function status(context: CommandContext, options: CommonOptions): Promise<void> {
  const { call } = await runningGateway(context.product.readConfig(), context.terminal.cwd);
  const said = (await call('status', {})) as Status;
  show(context, options, said, () =>
    [
      `Sealgate ${said.version}, process ${said.pid}, since ${new Date(said.startedAtMs).toISOString()}`,
      `${said.upstreams} upstreams, ${said.children} child processes, ${said.sessions} sessions`,
      `Listening on ${said.origin ?? 'nothing'}`,
      '',
    ].join('\n'),
  );
}

async function doctor(context: CommandContext, options: CommonOptions): Promise<void> {
  const findings = (await administer(context, ({ call }) => call('doctor', {}))) as readonly Finding[];
  const count = (wanted: Finding['state']): number => findings.filter(({ state }) => state === wanted).length;
  if (count('fail') > 0) context.exitCode = exitCode.failed;
  show(context, options, findings, () => {
    const lines = findings.map(({ check, state, message, advice }) => {
      const what = `${state.padEnd(4)}  ${check}: ${message}\n`;
      return advice === undefined ? what : `${what}      do: ${advice}\n`;
    });
    return `${lines.join('')}\n${count('ok')} ok, ${count('warn')} to look at, ${count('fail')} broken\n`;
  });
}
