import { readFile } from 'node:fs/promises';
import { Refusal } from '@sealgate/vault';
import { Option, type Command } from 'commander';
import type { ConnectionLine } from '../domain/admin-answers.ts';
import { refuse } from '../errors.ts';
import { administer, show, type CommandContext, type CommonOptions } from './context.ts';
import { earlierRows, rowForms, type EarlierRow, type RowReading } from './earlier-rows.ts';
import { exitCode } from './exit-code.ts';
import type { Administration } from './gateway.ts';
import { readSecret } from './secret-input.ts';

interface BringOptions extends CommonOptions, Omit<RowReading, 'key'> {
  readonly group?: boolean;
  readonly dryRun?: boolean;
}

/** What became of a file of rows. */
interface Brought {
  readonly brought: number;
  /** Connections that were there before, and stay as they are. */
  readonly there: number;
  readonly refused: readonly { readonly row: string; readonly code: string; readonly message: string }[];
}

const help = `
Each line of the file is a JSON object with a "name", which becomes the name of the connection, and
  columns  "ciphertext", "tag", "nonce": AES-256-GCM under one key of 32 bytes
  shops    the same and "salt": under keys of tenants that are derived from MCP_KMS_KEY
  tokens   "text": what TokenEncryptionService encrypted
The key is asked for without showing it, or read from standard input. It is never an argument. A row that does not
open is named, and the exit code is then 1; connections that are there stay, so a second run goes on.

Examples:
  printf %s "$MCP_KMS_KEY" | sealgate connections bring orders shops.ndjson --form shops --group
  sealgate connections bring docs tokens.ndjson --form tokens --dry-run
`;

/** `sealgate connections bring`. */
export function bringCommand(connections: Command, context: CommandContext): void {
  connections
    .command('bring')
    .description('make connections of secrets that another program has encrypted')
    .argument('<upstream>')
    .argument('<file>')
    .addOption(new Option('--form <form>', 'what the rows are').choices(rowForms).makeOptionMandatory())
    .addOption(
      new Option('--encoding <encoding>', 'of columns')
        .choices(['base64', 'base64url', 'hex'])
        .default('base64'),
    )
    .option('--master-key', "shops: the key is a tenant's master key, not MCP_KMS_KEY")
    .addOption(new Option('--salt-form <form>', 'shops: how the salt was used').choices(['text', 'bytes']))
    .option('--group', "the whole group's instead of your own")
    .option('--dry-run', 'open every row and write nothing')
    .option('--json', 'print JSON')
    .addHelpText('after', help)
    .action((upstream: string, file: string, options: BringOptions) =>
      bring(context, upstream, file, options),
    );
}

async function bring(
  context: CommandContext,
  upstream: string,
  file: string,
  options: BringOptions,
): Promise<void> {
  const text = await readFile(file, 'utf8').catch(() => {
    throw refuse('usage', `the file ${file} cannot be read`);
  });
  const key = (await readSecret(context.terminal, `Key of the rows in ${file} (not shown): `, false)).trim();
  const rows = earlierRows(text, { ...options, key });
  const result = await administer(context, (administration) =>
    bringRows(administration, upstream, rows, options),
  );
  if (result.refused.length > 0) context.exitCode = exitCode.failed;
  show(context, options, result, () => textOf(result, upstream, options));
}

async function bringRows(
  { call }: Administration,
  upstream: string,
  rows: readonly EarlierRow[],
  { group = false, dryRun = false }: BringOptions,
): Promise<Brought> {
  const owner = group ? 'group' : 'own';
  const lines = (await call('connections.list', {})) as readonly ConnectionLine[];
  const known = new Set(
    lines.filter((line) => line.upstream === upstream && line.owner === owner).map(({ name }) => name),
  );
  const refused: { row: string; code: string; message: string }[] = [];
  let [brought, there] = [0, 0];
  for (const { name, open } of rows) {
    if (known.has(name)) {
      there += 1;
      continue;
    }
    try {
      const secret = open();
      if (!dryRun) await call('connections.set', { upstream, group, name, secret });
      known.add(name);
      brought += 1;
    } catch (error) {
      if (!(error instanceof Refusal) || !ofTheRow.has(error.code)) throw error;
      refused.push({ row: name, code: error.code, message: error.message });
    }
  }
  return { brought, there, refused };
}

// What says something of one row; everything else ends the command.
const ofTheRow = new Set(['credential_invalid', 'item_invalid', 'open_failed']);

function textOf({ brought, there, refused }: Brought, upstream: string, { dryRun }: BringOptions): string {
  const kept = there === 0 ? '' : `, ${there} were there`;
  const lines = refused.map(({ row, code, message }) => `${row}: ${message} (${code})\n`);
  return `${dryRun === true ? 'Would bring' : 'Brought'} ${brought} credentials of ${upstream}${kept}\n${lines.join('')}`;
}
