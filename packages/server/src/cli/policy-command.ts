import type { Command } from 'commander';
import type { PolicyDocument, PolicyScope } from '@sealgate/vault/kms';
import type { TenantRootPlace } from '../domain/tenant-roots.ts';
import { refuse } from '../errors.ts';
import { administer, type CommandContext, type CommonOptions } from './context.ts';

interface IamOptions extends CommonOptions {
  readonly tenant?: string;
  readonly role?: string;
  readonly key?: string;
  readonly service?: string;
  readonly instance?: boolean;
}

const help = `
Without --tenant: what the role of a gateway needs. With it: what makes and opens the keys of this tenant, and of no other.
With --role: the policy of a key that this role alone may use, instead of one to be attached to the role.
With --key the policy is about this key for every deployment, and no gateway is asked: for SecureTokenManager by itself.

Examples:
  sealgate policy iam
  sealgate policy iam --tenant 01968c1e-6f0a-7b52-9e53-0d6f6d4f2a11
  sealgate policy iam --tenant crm-client-7 --instance --service crm --key arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab
`;

/** `sealgate policy iam`. */
export function policyCommand(program: Command, context: CommandContext): void {
  program
    .command('policy')
    .description('policies for what Sealgate stands on')
    .command('iam')
    .description('print the least that AWS has to let a role do with keys')
    .option('--tenant <id>', 'the group, or a client of SecureTokenManager')
    .option('--role <arn>', 'print the policy of a key for this role alone')
    .option('--key <arn>', 'of this key, instead of the one that is in use')
    .option('--service <name>', 'with this SERVICE_NAME, instead of that of the configuration')
    .option('--instance', 'the role runs a SecureTokenManager, which has keys of its own besides')
    .option('--json', 'print JSON; a policy always is')
    .addHelpText('after', help)
    .action(async (options: IamOptions) => {
      const policy = await iamPolicy(context, options);
      context.terminal.stdout.write(`${JSON.stringify(policy, undefined, 2)}\n`);
    });
}

async function iamPolicy(context: CommandContext, options: IamOptions): Promise<PolicyDocument> {
  const { tenant, role, instance = false } = options;
  const { key, ownAliases, deployment: ours, service } = await placeOf(context, options);
  // The store of a SecureTokenManager is a deployment of its own.
  const deployment = instance ? undefined : ours;
  const scope: PolicyScope = { deployment, tenant, service: options.service ?? service, instance };
  const { identityPolicy, keyPolicy } = await context.product.loadPolicies();
  if (role === undefined)
    return identityPolicy(scope, { arn: key, ...(ownAliases === undefined ? {} : { ownAliases }) });
  if (tenant === undefined) throw refuse('usage', '--role is for the key of one tenant: say --tenant');
  const account = key.split(':')[4] ?? '';
  return keyPolicy({ ...scope, tenant }, { account, role });
}

interface Place extends Omit<TenantRootPlace, 'deployment'> {
  readonly deployment: string | undefined;
}

async function placeOf(context: CommandContext, { tenant, key, service }: IamOptions): Promise<Place> {
  if (key === undefined) {
    const input = tenant === undefined ? {} : { tenant };
    return (await administer(context, ({ call }) => call('keys.place', input))) as TenantRootPlace;
  }
  if (!/^arn:aws[\w-]*:kms:[a-z0-9-]+:\d{12}:key\/[\w-]{1,64}$/.test(key))
    throw refuse('usage', '--key must be the ARN of a key of AWS KMS');
  const { serviceName } = context.product.readConfig();
  return { key, service: service ?? serviceName, deployment: undefined, ownAliases: undefined };
}
