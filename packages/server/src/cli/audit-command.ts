import { InvalidArgumentError, type Command } from 'commander';
import type { Entry, EntryPage, Verdict } from '@sealgate/vault';
import { administer, show, type CommandContext, type CommonOptions } from './context.ts';
import { exitCode } from './exit-code.ts';
import type { Administration } from './gateway.ts';
import { columns } from './terminal.ts';
import { auditVerify } from './audit-verify.ts';

interface ListOptions extends CommonOptions {
  readonly limit: number;
  readonly act?: string;
  readonly since?: number;
  readonly oldest?: boolean;
}

const pageMax = 1000;
const listHelp = `
An attempt stands before its act; its outcome is an entry of its own, shown beside it. An attempt without an outcome was
cut off, or is under way.

Examples:
  sealgate audit list --limit 20
  sealgate audit list --act tool.call --since 2026-11-01
`;

/** `sealgate audit list|verify`. */
export function auditCommand(program: Command, context: CommandContext): void {
  const audit = program.command('audit').description('the journal of everything that was tried');
  audit
    .command('list')
    .description('list entries, the newest first')
    .option('--limit <count>', 'entries at most', countOf, 50)
    .option('--act <verb>', 'only attempts of this act, such as tool.call')
    .option('--since <time>', 'not older than this, such as 2026-11-21 or 2026-11-21T10:00:00Z', timeOf)
    .option('--oldest', 'the oldest first')
    .option('--json', 'print JSON')
    .addHelpText('after', listHelp)
    .action((options: ListOptions) => list(context, options));
  auditVerify(audit, context, (options) => verify(context, options));
}

async function list(context: CommandContext, options: ListOptions): Promise<void> {
  const entries = await administer(context, (administration) => pages(administration, options));
  show(context, options, entries, () =>
    columns(['TIME', 'ACT', 'OBJECT', 'TOOL', 'BY', 'VIA', 'OUTCOME', 'MS'], rowsOf(entries), 'No entry.'),
  );
}

async function pages(
  { call }: Administration,
  { limit, act, since, oldest }: ListOptions,
): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  let cursor: string | undefined;
  do {
    const page = (await call('audit.list', {
      order: oldest === true ? 'oldest' : 'newest',
      limit: Math.min(pageMax, limit - entries.length),
      ...(act === undefined ? {} : { act }),
      ...(since === undefined ? {} : { sinceMs: since }),
      ...(cursor === undefined ? {} : { cursor }),
    })) as EntryPage;
    entries.push(...page.entries);
    cursor = page.cursor;
  } while (cursor !== undefined && entries.length < limit);
  return entries;
}

// One line an attempt, its outcome beside it; an outcome whose attempt is not among these entries has a line of its own.
function rowsOf(entries: readonly Entry[]): readonly (readonly string[])[] {
  const outcomes = new Map(
    entries.flatMap((entry) => (entry.cause === undefined ? [] : [[entry.cause, entry] as const])),
  );
  const attempts = new Set(entries.flatMap(({ act, id }) => (act === undefined ? [] : [id])));
  return entries
    .filter(({ cause }) => cause === undefined || !attempts.has(cause))
    .map((entry) => {
      const outcome = entry.cause === undefined ? outcomes.get(entry.id) : entry;
      const said = outcome === undefined ? '' : [outcome.out, outcome.code].filter(Boolean).join(' ');
      const tool = entry.req?.tool ?? entry.req?.method ?? '';
      return [
        new Date(entry.ts).toISOString(),
        entry.act ?? '(outcome)',
        entry.obj ?? entry.cause ?? '',
        tool,
        entry.actor?.id ?? '',
        entry.src?.source ?? '',
        said,
        String(outcome?.ms ?? ''),
      ];
    });
}

async function verify(context: CommandContext, options: CommonOptions): Promise<void> {
  const verdict = (await administer(context, ({ call }) => call('audit.verify', {}))) as Verdict;
  if (verdict.state === 'broken') context.exitCode = exitCode.failed;
  show(context, options, verdict, () =>
    verdict.state === 'intact'
      ? `Intact: ${verdict.entries} entries in ${verdict.batches} batches; the last is ${verdict.end.batch} ${verdict.end.digest}\n`
      : `Broken at batch ${verdict.at}: ${verdict.reason}\n`,
  );
}

function countOf(text: string): number {
  const count = Number(text);
  if (!Number.isInteger(count) || count < 1 || count > 1_000_000)
    throw new InvalidArgumentError('It is a number from 1 to 1000000.');
  return count;
}

function timeOf(text: string): number {
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new InvalidArgumentError('It is a time such as 2026-11-21T10:00:00Z.');
  return ms;
}
