import type { Command } from 'commander';
import type { TenantRootMade } from '../domain/tenant-roots.ts';
import { administer, show, type CommandContext, type CommonOptions } from './context.ts';

interface CreateOptions extends CommonOptions {
  readonly tenant: string;
  readonly role?: string;
}

const help = `
For KEY_PROVIDER=kms, or KMS_KEY_ARN beside another one, with KMS_TENANT_KEYS=true. The key gets an alias by which every instance finds it, and a policy under
which it serves nobody else. A key that is there already is left as it is. AWS bills each key by the month.

Examples:
  sealgate keys create --tenant 01968c1e-6f0a-7b52-9e53-0d6f6d4f2a11
  sealgate keys create --tenant crm-client-7 --role arn:aws:iam::111122223333:role/crm
`;

/** `sealgate keys create`. */
export function keysCreate(keys: Command, context: CommandContext): void {
  keys
    .command('create')
    .description('make a key in AWS KMS for one tenant')
    .requiredOption('--tenant <id>', 'the group, or a client of SecureTokenManager')
    .option('--role <arn>', 'let this role alone use it, instead of whichever the account lets')
    .option('--json', 'print JSON')
    .addHelpText('after', help)
    .action(async ({ tenant, role, ...options }: CreateOptions) => {
      const input = { tenant, ...(role === undefined ? {} : { role }) };
      const made = (await administer(context, ({ call }) => call('keys.create', input))) as TenantRootMade;
      show(context, options, made, () => createdText(made));
    });
}

function createdText({ tenant, key, alias, made, group, elsewhere }: TenantRootMade): string {
  const lines = [`${made ? 'Made' : 'There already'}: ${key}`, `Alias: ${alias}`];
  if (!group)
    lines.push(`No group of this gateway has the id ${tenant}; a client of SecureTokenManager may.`);
  if (elsewhere.kms > 0)
    lines.push(
      `${counted(elsewhere.kms)} of this tenant ${lies(elsewhere.kms)} under another key of KMS. Bring ${elsewhere.kms === 1 ? 'it' : 'them'} under this one: sealgate keys rotate --root --tenant ${tenant}`,
    );
  if (elsewhere.others > 0)
    lines.push(
      `${counted(elsewhere.others)} of this tenant ${lies(elsewhere.others)} under a root key outside of KMS. Move: sealgate keys move --tenant ${tenant} --to kms`,
    );
  return `${lines.join('\n')}\n`;
}

function counted(count: number): string {
  return count === 1 ? '1 key' : `${count} keys`;
}

function lies(count: number): string {
  return count === 1 ? 'lies' : 'lie';
}
