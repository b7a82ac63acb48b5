import type { Command } from 'commander';
import type { Provisioning } from '../main.ts';
import { show, type CommandContext, type CommonOptions } from './context.ts';
import { exitCode } from './exit-code.ts';
import { columns } from './terminal.ts';

interface TablesOptions extends CommonOptions {
  readonly kmsKey?: string;
  readonly deletionProtection: boolean;
}

type Checked = Awaited<ReturnType<Provisioning['check']>>;

const help = `
For MAIN_DB_TYPE=dynamodb; SQLite makes its tables by itself. The database is asked directly, whether a gateway runs or
not. What is there is never deleted or made anew.

Examples:
  sealgate tables create
  sealgate tables create --kms-key arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
  sealgate tables check --json
`;

/** `sealgate tables create|describe|check`. */
export function tablesCommand(program: Command, context: CommandContext): void {
  const tables = program
    .command('tables')
    .description('make the tables of a DynamoDB, and compare them')
    .addHelpText('after', help);
  const command = (name: string, description: string): Command =>
    tables
      .command(name)
      .description(description)
      .option('--kms-key <arn>', 'encrypt with this key of yours in AWS KMS, instead of one that AWS owns')
      .option('--no-deletion-protection', 'let a table be deleted without unprotecting it first')
      .option('--json', 'print JSON');
  command('create', 'make what is missing, set what can be set, and say what differs').action(
    async (options: TablesOptions) => {
      const made = await (await provisioning(context)).create(choicesOf(options));
      show(context, options, made, () => `${madeText(made.created)}${checkedText(made)}`);
      if (made.differences.length > 0) context.exitCode = exitCode.failed;
    },
  );
  command('check', 'say what differs from how the tables should be').action(
    async (options: TablesOptions) => {
      const checked = await (await provisioning(context)).check(choicesOf(options));
      show(context, options, checked, () => checkedText(checked));
      if (checked.differences.length > 0) context.exitCode = exitCode.failed;
    },
  );
  command('describe', 'list every table as it is').action(async (options: TablesOptions) => {
    const states = await (await provisioning(context)).describe(choicesOf(options));
    const rows = states.flatMap(({ name, settings }) =>
      Object.entries(settings ?? { table: 'missing' }).map(([setting, is]) => [name, setting, is]),
    );
    show(context, options, states, () => columns(['TABLE', 'SETTING', 'IS'], rows, 'No table.'));
  });
}

function provisioning({ product }: CommandContext): Promise<Provisioning> {
  return product.openProvisioning(product.readConfig());
}

function choicesOf({ kmsKey, deletionProtection }: TablesOptions) {
  return { kmsKey, deletionProtection };
}

function madeText(created: readonly string[]): string {
  return created.length === 0 ? '' : `Made ${created.length} tables: ${created.join(', ')}\n`;
}

function checkedText({ tables, differences, notOffered }: Checked): string {
  const left =
    notOffered.length === 0
      ? ''
      : `This DynamoDB does not offer: ${notOffered.join(', ')}. It was left out.\n`;
  if (differences.length === 0) return `${left}${tables} tables, all as they should be\n`;
  const rows = differences.map(({ name, setting, found, wanted }) => [name, setting, found, wanted]);
  return `${left}${columns(['TABLE', 'SETTING', 'IS', 'SHOULD BE'], rows, '')}`;
}
