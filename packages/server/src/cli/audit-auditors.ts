import type { Command } from 'commander';
import type { AuditorLine } from '../domain/admin-answers.ts';
import { wholeOf } from './audit-options.ts';
import { administer, show, type CommandContext, type CommonOptions } from './context.ts';
import { columns } from './terminal.ts';

interface AddOptions extends CommonOptions {
  readonly tenant?: string;
  readonly days: number;
}

const help = `
An auditor reads the audit log over HTTP, at /audit, and does nothing else. The token is printed this once. Auditors are not in
an export of the data: add them anew where it is imported.

Examples:
  sealgate audit auditor add revision-2026 --tenant '*' --days 14
  sealgate audit auditor add crm --tenant crm-client-7
`;

/** `sealgate audit auditor add|list|remove`. */
export function auditorCommands(audit: Command, context: CommandContext): void {
  const auditor = audit.command('auditor').description('those who may read the audit log over HTTP');
  auditor
    .command('add <name>')
    .description('make somebody an auditor, and print the token')
    .option('--tenant <group>', 'of this group or client; * for all (your own group when not given)')
    .option('--days <count>', 'for so many days, 366 at most', wholeOf, 90)
    .option('--json', 'print JSON')
    .addHelpText('after', help)
    .action((name: string, options: AddOptions) => add(context, name, options));
  auditor
    .command('list')
    .description('list them')
    .option('--json', 'print JSON')
    .action((options: CommonOptions) => list(context, options));
  auditor
    .command('remove <name>')
    .description('remove one; the token opens nothing from then on')
    .option('--json', 'print JSON')
    .action((name: string, options: CommonOptions) => remove(context, name, options));
}

async function add(context: CommandContext, name: string, options: AddOptions): Promise<void> {
  const { tenant, days } = options;
  const input = { name, days, ...(tenant === undefined ? {} : { tenant }) };
  const made = (await administer(context, ({ call }) => call('audit.auditor.add', input))) as AuditorLine & {
    readonly token: string;
  };
  show(context, options, made, () => `Added ${name}; the token, shown this once: ${made.token}\n`);
}

async function list(context: CommandContext, options: CommonOptions): Promise<void> {
  const lines = (await administer(context, ({ call }) =>
    call('audit.auditor.list', {}),
  )) as readonly AuditorLine[];
  const day = (ms: number): string => new Date(ms).toISOString().slice(0, 16);
  const rows = lines.map(({ name, tenant, addedAtMs, endsAtMs }) => [
    name,
    tenant,
    day(addedAtMs),
    day(endsAtMs),
  ]);
  const none = 'No auditor. Add one: sealgate audit auditor add <name>';
  show(context, options, lines, () => columns(['NAME', 'TENANT', 'ADDED', 'UNTIL'], rows, none));
}

async function remove(context: CommandContext, name: string, options: CommonOptions): Promise<void> {
  const result = await administer(context, ({ call }) => call('audit.auditor.remove', { name }));
  show(context, options, result, () => `Removed ${name}\n`);
}
