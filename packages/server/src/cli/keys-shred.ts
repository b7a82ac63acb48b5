import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { writeWhole, type SignedReceipt } from '@sealgate/vault';
import type { Command } from 'commander';
import type { ToShred } from '../domain/admin-answers.ts';
import { refuse } from '../errors.ts';
import { administer, show, type CommandContext, type CommonOptions } from './context.ts';
import { readLine } from './read-line.ts';
import type { Terminal } from './terminal.ts';

interface ShredOptions extends CommonOptions {
  readonly tenant?: string;
  readonly person?: string;
  readonly yes?: boolean;
  readonly receipt?: string;
}

const help = `
Destroys every key of the group or the person, and what was sealed under them, for good: no command brings it back. At a
terminal the name is to be typed again. Killed, the same command goes on; done, it prints the same receipt again. The receipt
says what copies may still hold, and until when: docs/shred.md.

Examples:
  sealgate keys shred --tenant 01968c1e-6f0a-7b52-9e53-0d6f6d4f2a11
  sealgate keys shred --person ann@example.com --yes --receipt ann.json
`;

/** `sealgate keys shred`. */
export function keysShred(keys: Command, context: CommandContext): void {
  keys
    .command('shred')
    .description('destroy every key of a group or a person, for good')
    .option('--tenant <id>', 'the group, by its id or url')
    .option('--person <id>', 'the person, by id or mail address')
    .option('--yes', 'do not ask')
    .option('--receipt <file>', 'write the signed receipt there')
    .option('--json', 'print the signed receipt')
    .addHelpText('after', help)
    .action((options: ShredOptions) => shred(context, options));
}

async function shred(context: CommandContext, options: ShredOptions): Promise<void> {
  const { terminal } = context;
  const asked = askedFor(options);
  const file = options.receipt === undefined ? undefined : resolve(terminal.cwd, options.receipt);
  if (file !== undefined && existsSync(file)) throw refuse('usage', `there is a file ${file} already`);
  const signed = await administer(context, async ({ call }) => {
    const what = (await call('keys.shred.look', asked)) as ToShred;
    if (options.yes !== true) await confirm(terminal, what);
    // The address of a person is among the first things that go.
    terminal.stderr.write(
      `If this is interrupted, go on with: sealgate keys shred --${what.kind} ${what.id}\n`,
    );
    return (await call('keys.shred', asked)) as SignedReceipt;
  });
  // A receipt that is cut off would look like one that was tampered with.
  if (file !== undefined) await writeWhole(file, Buffer.from(`${JSON.stringify(signed, undefined, 2)}\n`));
  show(context, options, signed, () => shreddedText(signed, file));
}

/** Who is meant, as the operations take it. @throws Refusal `usage` unless it is one of the two */
export function askedFor({
  tenant,
  person,
}: Pick<ShredOptions, 'tenant' | 'person'>): { readonly tenant: string } | { readonly person: string } {
  if (tenant !== undefined && person === undefined) return { tenant };
  if (person !== undefined && tenant === undefined) return { person };
  throw refuse('usage', 'say --tenant or --person, and one of them');
}

async function confirm(terminal: Terminal, { kind, id, name, goes, begun }: ToShred): Promise<void> {
  if (terminal.stdin.isTTY !== true) throw refuse('usage', 'this destroys keys for good; say --yes to do it');
  const again = begun ? ' This was begun before and goes on.' : '';
  const whom = kind === 'tenant' ? 'The group' : 'The person';
  const lines = goes.map((each) => `  ${each}\n`).join('');
  terminal.stderr.write(`${whom} ${name} (${id}) is destroyed for good.${again} With it go:\n${lines}`);
  const typed = await readLine(terminal, `Type the name again to go on: `);
  if (typed.trim() !== name) throw refuse('usage', 'that is another name; nothing was changed');
}

/** A receipt as people read it. */
export function shreddedText({ receipt }: SignedReceipt, file?: string): string {
  const { of, keys, removed, storage, backups, finishedAt, id } = receipt;
  const rows = Object.entries(removed).map(([name, count]) => `${count} ${name}`);
  return [
    `Destroyed: ${keys.tenantKeys} tenant keys and ${keys.dataKeys} data keys of the ${of.kind} ${of.id}`,
    `Removed: ${rows.length === 0 ? 'nothing else' : rows.join(', ')}`,
    `Store: ${storage.store}, ${storage.done}`,
    'Copies this gateway cannot reach:',
    ...backups.map(({ where, holds, until }) => `  ${where}: ${holds}. Until ${until}`),
    `Receipt ${id}, ${finishedAt}${file === undefined ? '' : `, in ${file}`}`,
    '',
  ].join('\n');
}
