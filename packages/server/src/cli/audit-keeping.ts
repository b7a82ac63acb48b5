import type { Command } from 'commander';
import type { Hold } from '@sealgate/vault';
import type { ArchivedMonth } from '../domain/admin-answers.ts';
import { administer, show, type CommandContext, type CommonOptions } from './context.ts';
import { columns } from './terminal.ts';

// How long the log is kept, and what must not go before that.

const holdHelp = `
While a hold is on, no month that the group has entries in is dropped here, none of its archived logs expires, and its keys are
not destroyed. Use '*' for every group.

Examples:
  sealgate audit hold add 3f6c2a51-8a0e-4f2e-9a7b-0c54a1c1f0de
  sealgate audit hold add '*'
`;

/** `sealgate audit archive|hold`. */
export function auditKeepingCommands(audit: Command, context: CommandContext): void {
  audit
    .command('archive')
    .description('list the logs that are in the archive, and until when they are kept')
    .option('--json', 'print JSON')
    .action((options: CommonOptions) => archived(context, options));
  const hold = audit.command('hold').description('keep the log of a group, whatever its time');
  hold
    .command('add <group>')
    .description('put a hold on a group; * for all')
    .option('--json', 'print JSON')
    .addHelpText('after', holdHelp)
    .action((tenant: string, options: CommonOptions) => add(context, tenant, options));
  hold
    .command('remove <group>')
    .description('lift the hold on a group; * for the one on all')
    .option('--json', 'print JSON')
    .action((tenant: string, options: CommonOptions) => remove(context, tenant, options));
  hold
    .command('list')
    .description('list the holds that are on')
    .option('--json', 'print JSON')
    .action((options: CommonOptions) => list(context, options));
}

async function archived(context: CommandContext, options: CommonOptions): Promise<void> {
  const logs = (await administer(context, ({ call }) => call('audit.archived', {}))) as ArchivedMonth[];
  show(context, options, logs, () => {
    const rows = logs.map(({ shard, scope, leaves, keptUntilMs }) => [
      shard,
      scope,
      String(leaves),
      day(keptUntilMs),
    ]);
    return columns(['MONTH', 'GROUP', 'ENTRIES', 'KEPT UNTIL'], rows, 'Nothing is in the archive.');
  });
}

async function add(context: CommandContext, tenant: string, options: CommonOptions): Promise<void> {
  const done = (await administer(context, ({ call }) => call('audit.hold.add', { tenant }))) as {
    readonly added: boolean;
  };
  show(context, options, done, () => (done.added ? `Held: ${tenant}\n` : `Was held before: ${tenant}\n`));
}

async function remove(context: CommandContext, tenant: string, options: CommonOptions): Promise<void> {
  await administer(context, ({ call }) => call('audit.hold.remove', { tenant }));
  show(context, options, {}, () => `Not held any more: ${tenant}\n`);
}

async function list(context: CommandContext, options: CommonOptions): Promise<void> {
  const holds = (await administer(context, ({ call }) => call('audit.hold.list', {}))) as Hold[];
  show(context, options, holds, () => {
    const rows = holds.map(({ tenant, sinceMs }) => [tenant, day(sinceMs)]);
    return columns(['GROUP', 'SINCE'], rows, 'No hold is on.');
  });
}

function day(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 10);
}
