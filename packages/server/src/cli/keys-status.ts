import type { Command } from 'commander';
import type { KeyStatus } from '@sealgate/vault';
import { administer, show, type CommandContext, type CommonOptions } from './context.ts';
import { columns } from './terminal.ts';

/** `sealgate keys status`. */
export function keysStatus(keys: Command, context: CommandContext): void {
  keys
    .command('status')
    .description('say under which root keys everything lies, and which work is not finished')
    .option('--json', 'print JSON')
    .action(async (options: CommonOptions) => {
      const status = (await administer(context, ({ call }) => call('keys.status', {}))) as KeyStatus;
      show(context, options, status, () => statusText(status));
    });
}

function statusText(status: KeyStatus): string {
  const { active, providers, holdings, tenants, moving, states, unfinished } = status;
  const known = providers.flatMap(({ name, roots }) => roots.map((root) => ({ name, ...root })));
  const rows = holdings.map(({ provider = 'not named', keyRef, rows: count }) => {
    const root = known.find((each) => each.keyRef === keyRef);
    const state = root === undefined ? 'not looked up' : root.active ? 'active' : 'older';
    return [provider, keyRef, state, String(count)];
  });
  const unused = known.filter(({ keyRef }) => !holdings.some((holding) => holding.keyRef === keyRef));
  return [
    `Groups with keys: ${tenants}; new ones are wrapped by: ${active}\n`,
    columns(['PROVIDER', 'ROOT KEY', 'IS', 'TENANT KEYS'], rows, 'No tenant key.'),
    ...unused.map(({ name, keyRef }) => `Nothing lies under ${keyRef} of ${name}.\n`),
    moving === 0
      ? ''
      : `Second wraps: ${moving}; end them with: sealgate keys move --to <provider> --settle\n`,
    ...states.map(({ tenant, state }) => `${tenant}: ${state}\n`),
    ...unfinished.map(
      ({ command, phase, seen, running }) =>
        `Not finished: sealgate ${command} (${phase}, ${seen} rows; ${running ? 'under way' : 'run it again'})\n`,
    ),
  ].join('');
}
