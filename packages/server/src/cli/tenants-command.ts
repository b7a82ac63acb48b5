import type { Command } from 'commander';
import { refuse } from '../errors.ts';
import { administer, show, type CommandContext, type CommonOptions } from './context.ts';

interface ZoneOptions extends CommonOptions {
  readonly tenant?: string;
  readonly unset?: boolean;
}

const zoneHelp = `
What is done before 6 and from 22 on, on this clock, is flagged in the audit log as it is recorded. Without a zone of its own
a group goes by AUDIT_LOG_ZONE. Other instances take a change over within a minute.

Examples:
  sealgate tenants zone Europe/Berlin
  sealgate tenants zone --tenant crm-client-7
  sealgate audit list --flag hours
`;

/** `sealgate tenants zone`. */
export function tenantsCommand(program: Command, context: CommandContext): void {
  program
    .command('tenants')
    .description('settings of groups')
    .command('zone')
    .description('show or set the clock that business hours of a group are told by')
    .argument('[zone]', 'such as Europe/Berlin')
    .option('--tenant <group>', 'of this group (your own when not given)')
    .option('--unset', 'go by AUDIT_LOG_ZONE again')
    .option('--json', 'print JSON')
    .addHelpText('after', zoneHelp)
    .action((zone: string | undefined, options: ZoneOptions) => setZone(context, zone, options));
}

async function setZone(
  context: CommandContext,
  zone: string | undefined,
  options: ZoneOptions,
): Promise<void> {
  const { tenant, unset = false } = options;
  if (unset && zone !== undefined) throw refuse('usage', 'give a zone, or --unset');
  const question = {
    ...(tenant === undefined ? {} : { tenant }),
    ...(unset ? { zone: null } : zone === undefined ? {} : { zone }),
  };
  const answer = (await administer(context, ({ call }) => call('tenants.zone', question))) as {
    readonly tenant: string;
    readonly zone: string;
  };
  show(context, options, answer, () => `${answer.zone}\n`);
}
