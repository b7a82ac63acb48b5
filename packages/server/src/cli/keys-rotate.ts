import { setTimeout as sleep } from 'node:timers/promises';
import { Option, type Command } from 'commander';
import type { KeyProgress, KeyWork, KeyWorkDone } from '@sealgate/vault';
import { refuse } from '../errors.ts';
import { administer, show, type CommandContext, type CommonOptions } from './context.ts';
import { exitCode } from './exit-code.ts';
import { progressBar } from './progress.ts';

interface RotateOptions extends CommonOptions {
  readonly tenant?: string;
  readonly root?: boolean;
  readonly tenantKey?: boolean;
  readonly dataKeys?: boolean;
  readonly suite?: '1' | '2';
}

interface MoveOptions extends CommonOptions {
  readonly tenant?: string;
  readonly to: string;
  readonly settle?: boolean;
}

const lookEveryMs = 200;

const rotateHelp = `
Serving goes on meanwhile. Interrupted or killed, the same command goes on where it was; the gateway goes on with it by itself
when only this command is interrupted.

  --root        wrap every tenant key under the active root key; with a keyring, a fresh one is made first
  --tenant-key  give each group a new tenant key, which wraps its data keys; older versions stay for what they opened
  --data-keys   give each group new data keys at once, then seal what lies in the tables anew under them. Sessions, codes
                and the journal stay under theirs until their own end.

Examples:
  sealgate keys rotate --root
  sealgate keys rotate --tenant-key --tenant 01968c1e-6f0a-7b52-9e53-0d6f6d4f2a11
  sealgate keys rotate --data-keys --suite 2
`;

const moveHelp = `
Both providers have to be set up: KEY_PROVIDER names the one for new groups, and the variables of the other are beside it.
Each key is wrapped by both until the move is settled, so the way back is the same command. Once everything has moved, name the
new provider in KEY_PROVIDER, settle, and take the old variables away.

Examples:
  sealgate keys move --to kms
  sealgate keys move --to kms --settle
  sealgate keys move --to keyring --tenant 01968c1e-6f0a-7b52-9e53-0d6f6d4f2a11
`;

/** `sealgate keys rotate|move`. */
export function keysRotate(keys: Command, context: CommandContext): void {
  keys
    .command('rotate')
    .description('replace root keys, tenant keys or data keys')
    .option('--root', 'wrap tenant keys under the active root key')
    .option('--tenant-key', 'make new tenant keys')
    .option('--data-keys', 'make new data keys, and seal anew')
    .option('--tenant <id>', 'of this group alone')
    .addOption(new Option('--suite <number>', 'of new data keys, with --data-keys').choices(['1', '2']))
    .option('--json', 'print JSON')
    .addHelpText('after', rotateHelp)
    .action((options: RotateOptions) => run(context, options, rotationOf(options)));
  keys
    .command('move')
    .description('move tenant keys to another provider, or back')
    .requiredOption('--to <provider>', 'such as kms, transit or keyring')
    .option('--tenant <id>', 'of this group alone')
    .option('--settle', 'end the second wraps that a move leaves')
    .option('--json', 'print JSON')
    .addHelpText('after', moveHelp)
    .action(({ tenant, to, settle, ...options }: MoveOptions) =>
      run(context, options, { kind: settle === true ? 'settle' : 'move', tenant, to }),
    );
}

function rotationOf({ root, tenantKey, dataKeys, tenant, suite }: RotateOptions): KeyWork {
  const kinds = [
    ...(root === true ? (['root'] as const) : []),
    ...(tenantKey === true ? (['tenant-key'] as const) : []),
    ...(dataKeys === true ? (['data-keys'] as const) : []),
  ];
  const [kind] = kinds;
  if (kind === undefined || kinds.length > 1)
    throw refuse('usage', 'say one of --root, --tenant-key and --data-keys');
  if (suite !== undefined && kind !== 'data-keys') throw refuse('usage', '--suite belongs to --data-keys');
  return { kind, tenant, ...(suite === undefined ? {} : { suite: suite === '1' ? 1 : 2 }) };
}

/** Begin it and watch it, wherever it is done. */
async function run(context: CommandContext, options: CommonOptions, work: KeyWork): Promise<void> {
  const { kind, tenant } = work;
  const bar = progressBar(context.terminal.stderr);
  const done = await administer(context, async ({ call }) => {
    await call('keys.work', work);
    for (;;) {
      const look = (await call('keys.progress', { kind, tenant })) as Look;
      if (options.json !== true && look.progress !== null) bar.show(stepOf(look.progress));
      if (look.done !== null) return look.done;
      await sleep(lookEveryMs);
    }
  }).finally(() => bar.end());
  show(context, options, done, () => doneText(done));
  if (done.failures.length > 0) context.exitCode = exitCode.failed;
}

interface Look {
  readonly progress: KeyProgress | null;
  readonly done: KeyWorkDone | null;
}

function stepOf({ phase, seen, total }: KeyProgress) {
  return { what: phase, done: seen, total };
}

function doneText({ seen, changed, skipped, failures, resumed, work }: KeyWorkDone): string {
  const hint =
    work.kind === 'move'
      ? `Both wraps are kept. Name ${work.to ?? ''} in KEY_PROVIDER, then: sealgate keys move --to ${work.to ?? ''} --settle\n`
      : '';
  return [
    `${resumed ? 'Went on with it. ' : ''}${changed} changed, ${seen} looked at`,
    skipped === 0 ? '\n' : `, ${skipped} left as they are (disabled, destroyed or gone)\n`,
    ...failures.map(({ what, code }) => `Not done: ${what} (${code})\n`),
    failures.length === 0 ? hint : 'The same command tries again what was not done.\n',
  ].join('');
}
