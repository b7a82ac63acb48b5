import type { Command } from 'commander';
import { administer, show, type CommandContext, type CommonOptions } from './context.ts';

interface StateOptions extends CommonOptions {
  readonly tenant: string;
}

const disableHelp = `
At once here, and on every other instance as soon as it hears of it: within a second by Redis, within five without. What
was handed out before (a child process, a connection to an upstream) goes on until it ends. Nothing is destroyed.

Example:
  sealgate keys disable --tenant 01968c1e-6f0a-7b52-9e53-0d6f6d4f2a11
`;

/** `sealgate keys disable|enable`. */
export function keysState(keys: Command, context: CommandContext): void {
  const command = (name: 'disable' | 'enable', description: string, said: string): Command =>
    keys
      .command(name)
      .description(description)
      .requiredOption('--tenant <id>', 'the group')
      .option('--json', 'print JSON')
      .action(async ({ tenant, ...options }: StateOptions) => {
        const result = await administer(context, ({ call }) => call(`keys.${name}`, { tenant }));
        show(context, options, result, () => `${said} ${tenant}\n`);
      });
  command('disable', 'let nothing of a group be sealed or opened', 'Disabled').addHelpText(
    'after',
    disableHelp,
  );
  command('enable', 'undo disable', 'Enabled');
}
