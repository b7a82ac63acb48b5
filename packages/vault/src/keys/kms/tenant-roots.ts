import {
  CreateAliasCommand,
  CreateKeyCommand,
  DescribeKeyCommand,
  ScheduleKeyDeletionCommand,
  type KeyMetadata,
} from '@aws-sdk/client-kms';
import { redeem, type Receipt } from '../../receipt.ts';
import { refuse } from '../../refusal.ts';
import { asking, openClient, type KmsClient } from './client.ts';
import { isMissing } from './kms-error.ts';
import type { KmsOptions } from './open-kms.ts';
import { keyPolicy } from './policy-text.ts';
import { tenantAlias } from './tenant-alias.ts';

// Keys of tenants in KMS: made with an alias by which every instance finds them, and a policy under which they serve
// nobody else. What is made twice at once is one key: the alias decides, and the other key is scheduled for deletion.

const deletionDays = 7;

/** A key of one tenant in KMS. */
export interface TenantRoot {
  /** Its ARN. */
  readonly keyRef: string;
  readonly alias: string;
}

/** The same, with what KMS says of it. */
export interface TenantRootSeen extends TenantRoot {
  /** As KMS names it: `Enabled`, `Disabled`, `PendingDeletion` and others. */
  readonly state: string;
  /** When KMS deletes it, in milliseconds since 1970; `undefined`: nobody has ordered that. */
  readonly deletedAtMs: number | undefined;
}

/** Makes and finds keys of tenants. Methods throw Refusal `key_unavailable` when KMS does not do what it is asked. */
export interface TenantRoots {
  /**
   * The tenant's own key, made if there is none; one that is there stays as it is.
   *
   * @param receipt of `key.create` on `key:<tenant>`
   * @param role ARN of the only role that may use it; `undefined`: whichever the account's own policies let
   */
  create(receipt: Receipt, tenant: string, role?: string): Promise<TenantRoot & { readonly made: boolean }>;
  /** `undefined` when the tenant has none. */
  find(tenant: string): Promise<TenantRoot | undefined>;
  /** The same, with its state. */
  look(tenant: string): Promise<TenantRootSeen | undefined>;
  /** ARN of the key of all tenants that have none. */
  shared(): Promise<string>;
  close(): void;
}

/** Keys of the tenants of one deployment. Nothing is asked before the first call. */
export function openTenantRoots({
  keyId,
  service,
  deployment,
  ...connection
}: Omit<KmsOptions, 'tenantKeys'> & { readonly deployment: string }): TenantRoots {
  const client = openClient(keyId, connection);
  const look = async (tenant: string): Promise<TenantRootSeen | undefined> => {
    const alias = tenantAlias(deployment, tenant);
    const described = await describe(client, alias).catch((error: unknown) => {
      if (isMissing(error)) return undefined;
      throw error;
    });
    if (described === undefined) return undefined;
    const { Arn: keyRef, KeyState: state = 'Unavailable', DeletionDate: deleted } = described;
    return { keyRef, alias, state, deletedAtMs: deleted?.getTime() };
  };
  const find = async (tenant: string): Promise<TenantRoot | undefined> => {
    const seen = await look(tenant);
    return seen && { keyRef: seen.keyRef, alias: seen.alias };
  };
  return {
    find: (tenant) => asking(() => find(tenant)),
    look: (tenant) => asking(() => look(tenant)),
    shared: () => asking(async () => (await describe(client, keyId)).Arn),
    create: (receipt, tenant, role) =>
      asking(async () => {
        redeem(receipt, 'key.create', `key:${tenant}`);
        const known = await find(tenant);
        if (known !== undefined) return { ...known, made: false };
        const { AWSAccountId: account = '' } = await describe(client, keyId);
        const policy = keyPolicy({ deployment, tenant, service }, { account, role });
        const keyRef = await make(client, tenant, JSON.stringify(policy));
        const alias = tenantAlias(deployment, tenant);
        if (await named(client, alias, keyRef)) return { keyRef, alias, made: true };
        const winner = await find(tenant);
        if (winner === undefined)
          throw refuse('key_unavailable', 'the key of this tenant cannot be made; try again');
        return { ...winner, made: false };
      }),
    close: client.close,
  };
}

async function describe({ send }: KmsClient, KeyId: string): Promise<KeyMetadata & { readonly Arn: string }> {
  const { KeyMetadata: said } = await send(new DescribeKeyCommand({ KeyId }));
  if (said?.Arn === undefined) throw unreadable();
  return { ...said, Arn: said.Arn };
}

async function make({ send }: KmsClient, tenant: string, Policy: string): Promise<string> {
  const { KeyMetadata: said } = await send(
    new CreateKeyCommand({ Policy, Description: `Sealgate: keys of tenant ${tenant}`.slice(0, 8192) }),
  );
  if (said?.Arn === undefined) throw unreadable();
  return said.Arn;
}

/** Give the key its alias. @returns whether it got it; one that did not is scheduled for deletion */
async function named({ send }: KmsClient, AliasName: string, TargetKeyId: string): Promise<boolean> {
  try {
    await send(new CreateAliasCommand({ AliasName, TargetKeyId }));
    return true;
  } catch (error) {
    await send(new ScheduleKeyDeletionCommand({ KeyId: TargetKeyId, PendingWindowInDays: deletionDays }));
    if (error instanceof Error && error.name === 'AlreadyExistsException') return false;
    throw error;
  }
}

function unreadable(): Error {
  return refuse('key_unavailable', 'the key service gave an answer that cannot be read');
}
