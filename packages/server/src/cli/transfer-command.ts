import { resolve } from 'node:path';
import type { Command } from 'commander';
import { Option } from 'commander';
import { refuse } from '../errors.ts';
import type { OnProgress, Progress } from '@sealgate/vault';
import type { Exported, Imported, Migrated, Transfer } from '../main.ts';
import { show, type CommandContext, type CommonOptions } from './context.ts';
import { runningGateway } from './gateway.ts';
import { progressBar } from './progress.ts';
import { columns } from './terminal.ts';

const exportHelp = `
Changes are refused while it runs (store_frozen); reading and calls go on. Interrupted by a signal it gives up; killed, it
leaves the data frozen, and the same command goes on where it was.

The directory holds everything but the root key. With KEY_PROVIDER=keyring that is keyring.json in DATA_DIR: keep a copy of
it elsewhere. With --with-keyring it travels along, and whoever has the directory can then open everything in it.

The sealed audit log is in it as a copy, and goes on here. With --move-log, and no gateway running, it is set aside here and goes
on where the directory is brought in: bring it in once. What starts here again begins another log.

Examples:
  sealgate export /backup/2031-04-01
  sealgate export /media/stick/sealgate --with-keyring --blobs
  sealgate export /mnt/new-machine --with-keyring --move-log
`;

const importHelp = `
Into empty tables only: a new DATA_DIR, or new DynamoDB tables. The root key must be the one of the export; that is found out
before anything is written. Killed, it leaves tables that no gateway works on, and the same command goes on.

Example:
  DATA_DIR=/srv/sealgate sealgate import /backup/2031-04-01
`;

const migrateHelp = `
MAIN_DB_TYPE names where the data is now. Set DYNAMODB_REGION and what else DynamoDB needs beside it, run
sealgate tables create with MAIN_DB_TYPE=dynamodb, then this; at the end it says what to set. Killed, the same command goes on.
Journal, keyring and blobs stay where they are.

Examples:
  sealgate migrate --to dynamodb
  sealgate migrate --release
`;

/** `sealgate export|import|migrate`. */
export function transferCommands(program: Command, context: CommandContext): void {
  program
    .command('export <directory>')
    .description('write all data into a directory, sealed as it is')
    .option('--with-keyring', 'take the keyring along: the export alone then opens everything')
    .option('--blobs', 'take the blobs along')
    .option('--move-log', 'let the sealed audit log go on where this is brought in, and not here any more')
    .option('--json', 'print JSON')
    .addHelpText('after', exportHelp)
    .action(async (directory: string, options: ExportOptions) => {
      const { withKeyring = false, blobs = false, moveLog = false } = options;
      const to = resolve(context.terminal.cwd, directory);
      const exported = await work(context, options, (transfer, progress) =>
        transfer.exportTo(to, { withKeyring, withBlobs: blobs, moveLog }, stoppable(context, progress)),
      );
      show(context, options, exportedJson(exported), () => exportedText(exported));
    });
  program
    .command('import <directory>')
    .description('fill empty tables from an export')
    .option('--blobs', 'bring the blobs in, too')
    .option('--json', 'print JSON')
    .addHelpText('after', importHelp)
    .action(async (directory: string, options: ExportOptions) => {
      const from = resolve(context.terminal.cwd, directory);
      const imported = await work(context, options, (transfer, progress) =>
        transfer.importFrom(from, { withBlobs: options.blobs ?? false }, progress),
      );
      show(context, options, importedJson(imported), () => importedText(imported));
    });
  program
    .command('migrate')
    .description('move the tables from SQLite to DynamoDB, or back')
    .addOption(new Option('--to <database>', 'where to').choices(['sqlite', 'dynamodb']))
    .option('--release', 'let changes in again where an export or a move was given up, or is taken back')
    .option('--json', 'print JSON')
    .addHelpText('after', migrateHelp)
    .action((options: MigrateOptions) => migrate(context, options));
}

interface ExportOptions extends CommonOptions {
  readonly withKeyring?: boolean;
  readonly blobs?: boolean;
  readonly moveLog?: boolean;
}

interface MigrateOptions extends CommonOptions {
  readonly to?: 'sqlite' | 'dynamodb';
  readonly release?: boolean;
}

async function migrate(context: CommandContext, options: MigrateOptions): Promise<void> {
  const { to, release = false } = options;
  if ((to === undefined) !== release) throw refuse('usage', 'say --to sqlite, --to dynamodb, or --release');
  if (to === undefined) {
    const { freeze } = await work(context, options, (transfer) => transfer.release());
    show(context, options, { released: freeze ?? null }, () => releasedText(freeze?.reason, freeze?.to));
    return;
  }
  const migrated = await work(context, options, (transfer, progress) => transfer.migrateTo(to, progress));
  show(context, options, migratedJson(migrated), () => migratedText(migrated));
}

async function work<T>(
  { product, terminal }: CommandContext,
  { json }: CommonOptions,
  run: (transfer: Transfer, progress: OnProgress) => Promise<T>,
): Promise<T> {
  const bar = progressBar(terminal.stderr);
  const words: Record<Progress['stage'], string> = {
    settle: 'waiting until no write is under way',
    export: 'copying',
    check: 'checking the files',
    import: 'bringing in',
    compare: 'comparing',
  };
  try {
    const config = product.readConfig();
    const transfer = product.openTransfer(config, async (entry) => {
      const gateway = await runningGateway(config, terminal.cwd);
      await gateway.call('transfer.note', entry);
    });
    return await run(transfer, ({ stage, rows, total }) => {
      if (json !== true) bar.show({ what: words[stage], done: rows, total });
    });
  } finally {
    bar.end();
  }
}

// A signal ends an export in order: the data takes changes again.
function stoppable({ product }: CommandContext, progress: OnProgress): OnProgress {
  let stopped = false;
  void product.interrupted().then(() => (stopped = true));
  return (step) => {
    if (stopped) throw refuse('draining', 'the export was interrupted; changes are taken again');
    progress(step);
  };
}

function exportedJson({ directory, manifest, blobs }: Exported) {
  return { directory, ...manifest, blobs: blobs ?? null };
}

function exportedText({ directory, manifest, blobs }: Exported): string {
  const { files, keyProvider } = manifest;
  const key = {
    keyring: 'keyring.json of DATA_DIR, which is not in it: keep a copy elsewhere',
    env: 'the same TOKEN_ENCRYPTION_KEY',
    passphrase: 'the same TOKEN_ENCRYPTION_PASSPHRASE',
    hkdf: 'the same MCP_KMS_KEY',
    kms: 'the same key of AWS KMS, and the right to use it',
    transit: 'the same key of Vault or OpenBao: VAULT_TRANSIT_KEY, and the right to use it',
  }[keyProvider];
  return [
    tablesText(manifest),
    `Written to ${directory}`,
    `Journal: ${files['journal.db'] === undefined ? 'there is none here' : 'of this instance, in it'}`,
    `Audit log: ${logText(manifest.log)}`,
    `Blobs: ${blobs === undefined ? 'left where they are (--blobs takes them along)' : `${blobs.blobs}, ${blobs.bytes} bytes`}`,
    files['keyring.json'] === undefined
      ? `To open it: ${key ?? keyProvider}`
      : 'The keyring is in it: whoever has this directory can open everything. Keep it as you keep keys.',
    '',
  ].join('\n');
}

function logText(log: Exported['manifest']['log']): string {
  if (log === undefined) return 'no sealed one is here';
  return log.moved
    ? `${log.mark}, in it: it goes on where this is brought in, once, and not here any more`
    : `${log.mark}, a copy: it goes on here`;
}

function importedJson({ manifest, ...rest }: Imported) {
  return {
    deployment: manifest.deployment,
    exportedAtMs: manifest.finishedAtMs,
    ...rest,
    blobs: rest.blobs ?? null,
  };
}

function importedText({ manifest, tables, journal, log, keyring, blobs }: Imported): string {
  return [
    tablesText(manifest),
    `Brought in ${tables.rows} rows; ${tables.ended} had ended since the export`,
    `Journal: ${journal}`,
    `Audit log: ${log}`,
    `Keyring: ${keyring}`,
    `Blobs: ${blobs === undefined ? 'left (--blobs brings them in)' : `${blobs.blobs}, ${blobs.bytes} bytes`}`,
    '',
  ].join('\n');
}

function migratedJson({ manifest, tables, settings, setAside }: Migrated) {
  const { deployment, tables: digests, leftBehind } = manifest;
  return {
    deployment,
    tables: digests,
    leftBehind,
    brought: tables ?? null,
    settings,
    setAside: setAside ?? null,
  };
}

function migratedText({ manifest, settings, setAside }: Migrated): string {
  const lines = Object.entries(settings).map(([name, value]) => `  ${name}=${value}`);
  return [
    tablesText(manifest),
    'Moved. Set these for every instance, and start them again:',
    ...lines,
    'What is left in the old place takes no changes any more.',
    ...(setAside === undefined ? [] : [`An older main.db was set aside: ${setAside}`]),
    '',
  ].join('\n');
}

function releasedText(reason: string | undefined, to: string | undefined): string {
  if (reason === undefined) return 'Nothing was frozen.\n';
  const moved = reason === 'moved' ? ` What changed in ${to ?? 'the other place'} since is not here.` : '';
  return `Changes are taken again.${moved}\n`;
}

function tablesText({ tables, leftBehind }: Exported['manifest']): string {
  const rows = Object.entries(tables)
    .filter(([, { rows: count, ended }]) => count + ended > 0)
    .map(([name, { rows: count, ended, digest }]) => [
      name,
      String(count),
      String(ended),
      digest.slice(0, 16),
    ]);
  const left = Object.entries(leftBehind)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${count} of ${name}`);
  const behind = left.length === 0 ? '' : `Left behind, for it ends by itself: ${left.join(', ')}\n`;
  return `${columns(['TABLE', 'ROWS', 'ENDED', 'DIGEST'], rows, 'No rows.')}${behind}`.trimEnd();
}
