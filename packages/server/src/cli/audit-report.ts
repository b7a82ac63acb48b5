import { Argument, Option, type Command } from 'commander';
import {
  csvLine,
  insightsQuery,
  localClock,
  reportColumns,
  reportNames,
  type ReportName,
  type ReportRow,
} from '@sealgate/vault';
import { refuse } from '../errors.ts';
import { timeOf, wholeOf } from './audit-options.ts';
import { administer, type CommandContext } from './context.ts';
import { columns } from './terminal.ts';

type Format = 'table' | 'json' | 'csv' | 'cloudwatch';

interface ReportOptions {
  readonly client?: string;
  readonly days: number;
  readonly until?: number;
  readonly zone?: string;
  readonly format: Format;
}

const dayMs = 24 * 3600_000;
const help = `
accesses   every access to the credentials and tokens of one client (--client)
hours      accesses before 6 and from 22 on, as they were judged then by the clock of their group; with --zone by that one
services   the ten services with most accesses
failures   what was to be opened and was not

All but the first are about every group and client, unless --client names one. --format cloudwatch asks no gateway: it prints
a query of CloudWatch Logs Insights over the events of CloudTrail, for KEY_PROVIDER=kms. KMS is asked once for a key that
then serves many accesses, so there are fewer events than accesses.

Examples:
  sealgate audit report accesses --client crm-client-7
  sealgate audit report hours --zone Asia/Kathmandu --days 7
  sealgate audit report failures --format csv
  sealgate audit report services --format cloudwatch
`;

/** `sealgate audit report`. */
export function auditReportCommand(audit: Command, context: CommandContext): void {
  audit
    .command('report')
    .description('who used which credentials and tokens')
    .addArgument(new Argument('<report>', 'which').choices(reportNames))
    .option('--client <client>', 'of this client of SecureTokenManager, or this group')
    .option('--days <count>', 'of so many days', wholeOf, 30)
    .option('--until <time>', 'that end then, not now', timeOf)
    .option('--zone <zone>', 'whose hours, such as Europe/Berlin')
    .addOption(
      new Option('--format <format>', 'how it is printed')
        .choices(['table', 'json', 'csv', 'cloudwatch'])
        .default('table'),
    )
    .addHelpText('after', help)
    .action((name: ReportName, options: ReportOptions) => report(context, name, options));
}

async function report(context: CommandContext, name: ReportName, options: ReportOptions): Promise<void> {
  const { client, days, zone, format } = options;
  if (name === 'accesses' && client === undefined) throw refuse('usage', 'say whose accesses: --client');
  if (zone !== undefined) checkZone(zone);
  const untilMs = options.until ?? Date.now();
  const period = { sinceMs: Math.max(0, untilMs - days * dayMs), untilMs };
  if (format === 'cloudwatch') {
    context.terminal.stdout.write(insightsQuery(name, { client, zone: zone ?? 'UTC', ...period }));
    return;
  }
  const question = {
    report: name,
    ...period,
    ...(zone && { zone }),
    ...(client === undefined ? {} : { tenant: client }),
  };
  await administer(context, async ({ call }) => {
    const pages = (await call('audit.report', question)) as AsyncIterable<readonly ReportRow[]>;
    await print[format](context, reportColumns[name], pages);
  });
}

type Print = (
  context: CommandContext,
  heads: readonly string[],
  pages: AsyncIterable<readonly ReportRow[]>,
) => Promise<void>;

const print: Readonly<Record<Exclude<Format, 'cloudwatch'>, Print>> = {
  async table({ terminal }, heads, pages) {
    const rows: ReportRow[] = [];
    for await (const page of pages) rows.push(...page);
    const upper = heads.map((head) => head.toUpperCase());
    const cells = rows.map((row) => heads.map((head) => String(row[head] ?? '')));
    terminal.stdout.write(columns(upper, cells, 'No access.'));
  },
  async json({ terminal }, _, pages) {
    let between = '[';
    for await (const page of pages)
      for (const row of page) {
        terminal.stdout.write(`${between}\n  ${JSON.stringify(row)}`);
        between = ',';
      }
    terminal.stdout.write(between === '[' ? '[]\n' : '\n]\n');
  },
  async csv({ terminal }, heads, pages) {
    terminal.stdout.write(csvLine(heads));
    for await (const page of pages)
      for (const row of page) terminal.stdout.write(csvLine(heads.map((head) => row[head])));
  },
};

function checkZone(zone: string): void {
  try {
    localClock(zone);
  } catch (error) {
    throw refuse('usage', 'there is no such time zone; name one such as Europe/Berlin', zone, error);
  }
}
