import type { Command } from 'commander';
import type { Call, Entry, SearchResult, Stats } from '@sealgate/vault';
import { auditorCommands } from './audit-auditors.ts';
import { auditExportCommand } from './audit-export.ts';
import { auditKeepingCommands } from './audit-keeping.ts';
import { auditLogCommands } from './audit-log.ts';
import {
  askedBy,
  countOf,
  filterOptions,
  namedOptions,
  type FilterOptions,
  type NamedOptions,
} from './audit-options.ts';
import { auditReportCommand } from './audit-report.ts';
import type { JournalVerdict } from '../domain/admin-answers.ts';
import { auditVerify } from './audit-verify.ts';
import { callsText, callText, entryText } from './audit-shown.ts';
import { administer, show, type CommandContext, type CommonOptions } from './context.ts';
import { exitCode } from './exit-code.ts';
import { runningGateway } from './gateway.ts';
import { columns, printable } from './terminal.ts';

interface ListOptions extends FilterOptions {
  readonly limit: number;
  readonly oldest?: boolean;
}

const listHelp = `
One line an attempt, with its outcome; without one it was cut off, or is under way (--outcome none). With --json the entries
as they are: the outcome is one of its own and names its attempt in cause. With --oldest in the order in which they ended.

Examples:
  sealgate audit list --limit 20
  sealgate audit list --act tool.call --service docs --outcome failure --since 2026-11-01
  sealgate audit list --tenant '*' --status open_failed
`;
const statsHelp = `
Example:
  sealgate audit stats --since 2026-11-01 --zone Europe/Berlin
`;

/** `sealgate audit list|show|stats|search|tail|report|export|checkpoint|proof|archive|hold|auditor|verify`. */
export function auditCommand(program: Command, context: CommandContext): void {
  const audit = program.command('audit').description('the journal of everything that was tried');
  filterOptions(audit.command('list').description('list what was tried, the newest first'))
    .option('--limit <count>', 'attempts at most', countOf, 50)
    .option('--oldest', 'the oldest first')
    .option('--json', 'print JSON')
    .addHelpText('after', listHelp)
    .action((options: ListOptions) => list(context, options));
  audit
    .command('show <id>')
    .description('show an attempt and its outcome, by the id of either')
    .option('--tenant <group>', 'of this group or client; * for all (your own group when not given)')
    .option('--json', 'print JSON')
    .action((id: string, options: NamedOptions) => showOne(context, id, options));
  filterOptions(audit.command('stats').description('count by act, outcome, service and day'))
    .option('--zone <zone>', 'whose days, such as Europe/Berlin', 'UTC')
    .option('--json', 'print JSON')
    .addHelpText('after', statsHelp)
    .action((options: FilterOptions & { readonly zone: string }) => stats(context, options));
  filterOptions(audit.command('search <text>').description('look for a text in the names of entries'))
    .option('--limit <count>', 'attempts at most, up to 1000', countOf, 50)
    .option('--json', 'print JSON')
    .action((text: string, options: ListOptions) => search(context, text, options));
  namedOptions(audit.command('tail').description('show what is tried as it happens, until it is interrupted'))
    .option('--json', 'print JSON, one entry a line')
    .action((options: NamedOptions) => tail(context, options));
  auditReportCommand(audit, context);
  auditExportCommand(audit, context);
  auditLogCommands(audit, context);
  auditorCommands(audit, context);
  auditKeepingCommands(audit, context);
  auditVerify(audit, context, (options) => verify(context, options));
}

async function list(context: CommandContext, options: ListOptions): Promise<void> {
  const { limit, oldest } = options;
  const question = { ...askedBy(options), limit, order: oldest === true ? 'oldest' : 'newest' };
  const calls = await administer(context, async ({ call }) => {
    const pages = (await call('audit.list', question)) as AsyncIterable<readonly Call[]>;
    const all: Call[] = [];
    for await (const page of pages) all.push(...page);
    return all;
  });
  const inOrder = ({ attempt, outcome }: Call): readonly (Entry | undefined)[] =>
    oldest === true ? [attempt, outcome] : [outcome, attempt];
  const entries = calls.flatMap(inOrder).filter((entry) => entry !== undefined);
  show(context, options, entries, () => callsText(calls));
}

async function showOne(context: CommandContext, id: string, options: NamedOptions): Promise<void> {
  const { tenant } = options;
  const question = { id, ...(tenant === undefined ? {} : { tenant }) };
  const call = (await administer(context, (administration) =>
    administration.call('audit.show', question),
  )) as Call;
  show(context, options, { attempt: call.attempt, outcome: call.outcome ?? null }, () => callText(call));
}

async function stats(
  context: CommandContext,
  options: FilterOptions & { readonly zone: string },
): Promise<void> {
  const question = { ...askedBy(options), zone: options.zone };
  const counted = (await administer(context, ({ call }) => call('audit.stats', question))) as Stats;
  show(context, options, counted, () => {
    const rows = (['acts', 'outcomes', 'services', 'days'] as const).flatMap((by) =>
      counted[by].map(({ name, calls }) => [by, name, String(calls)]),
    );
    return columns(['BY', 'NAME', 'CALLS'], [...rows, ['all', '', String(counted.calls)]], '');
  });
}

async function search(context: CommandContext, text: string, options: ListOptions): Promise<void> {
  const question = { ...askedBy(options), text, limit: options.limit };
  const found = (await administer(context, ({ call }) => call('audit.search', question))) as SearchResult;
  show(context, options, found, () => {
    const more = found.whole ? '' : `Stopped after ${found.looked} attempts; narrow it down to see more.\n`;
    return `${callsText(found.calls)}${more}`;
  });
}

// Only what the gateway writes can be followed, so it has to run.
async function tail(context: CommandContext, options: NamedOptions): Promise<void> {
  const { product, terminal } = context;
  const { call } = await runningGateway(product.readConfig(), terminal.cwd);
  const pages = (await call('audit.tail', askedBy(options))) as AsyncIterable<readonly Entry[]>;
  let interrupted = false;
  void product.interrupted().then(() => (interrupted = true));
  // The gateway sends an empty page twice a second when there is nothing else.
  for await (const page of pages) {
    if (interrupted) return;
    for (const entry of page)
      terminal.stdout.write(options.json === true ? `${JSON.stringify(entry)}\n` : entryText(entry));
  }
}

async function verify(context: CommandContext, options: CommonOptions): Promise<void> {
  const verdict = (await administer(context, ({ call }) => call('audit.verify', {}))) as JournalVerdict;
  const { lacking, uses } = verdict.uses;
  if (verdict.state === 'broken' || lacking.length > 0) context.exitCode = exitCode.failed;
  const chain =
    verdict.state === 'intact'
      ? `Intact: ${verdict.entries} entries in ${verdict.batches} batches${trimmedText(verdict.trimmed)}; the last is ${verdict.end.batch} ${verdict.end.digest}`
      : `Broken at batch ${verdict.at}: ${verdict.reason}`;
  const missing = lacking.map(
    ({ object, counted, logged }) =>
      `Missing: ${printable(object)} was opened ${counted} times, and the log has ${logged} attempts`,
  );
  const counted = missing.length > 0 ? missing : [`Uses: ${uses} were counted, and each is in the log`];
  show(context, options, verdict, () => [chain, ...counted, ''].join('\n'));
}

function trimmedText(trimmed: number): string {
  return trimmed === 0 ? '' : `, ${trimmed} of them in the sealed log alone`;
}
