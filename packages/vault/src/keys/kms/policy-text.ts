import { refuse } from '../../refusal.ts';
import { systemTenant } from '../system-tenant.ts';

// Policies of AWS that give no more than is needed. What a caller may open hangs on the encryption context, which KMS
// checks before it touches a ciphertext: a role of one tenant cannot have the key of another unwrapped, though both lie
// under one key of KMS. `StringEquals` on a pair also refuses a request without it; `ForAllValues` alone would not.

const contextNames = ['api_provider', 'client_id', 'deployment', 'purpose', 'service', 'tenant', 'version'];
const use = ['kms:Decrypt', 'kms:GenerateDataKey'];
const moving = ['kms:Encrypt', 'kms:ReEncryptFrom', 'kms:ReEncryptTo'];
const administration = [
  'kms:CancelKeyDeletion',
  'kms:CreateAlias',
  'kms:DeleteAlias',
  'kms:DescribeKey',
  'kms:DisableKey',
  'kms:EnableKey',
  'kms:GetKeyPolicy',
  'kms:GetKeyRotationStatus',
  'kms:ListKeyPolicies',
  'kms:ListKeyRotations',
  'kms:ListResourceTags',
  'kms:PutKeyPolicy',
  'kms:RotateKeyOnDemand',
  'kms:ScheduleKeyDeletion',
  'kms:TagResource',
  'kms:UntagResource',
  'kms:UpdateAlias',
  'kms:UpdateKeyDescription',
];

/** Whose keys a policy is about. */
export interface PolicyScope {
  /** `undefined`: of every deployment that uses the key. */
  readonly deployment: string | undefined;
  /** `undefined`: of every tenant, as a gateway needs it. */
  readonly tenant: string | undefined;
  readonly service: string;
  /** Whether the role runs a `SecureTokenManager`, which also keeps keys of its own (tenant `_system`); no when not given. */
  readonly instance?: boolean;
}

/** A policy document, to be printed as JSON. */
export interface PolicyDocument {
  readonly Version: '2012-10-17';
  readonly Statement: readonly Readonly<Record<string, unknown>>[];
}

/**
 * What a role is given to use a key: a tenant's only to make and open that tenant's keys, a gateway's also to move them.
 *
 * @param keys ARN of the key of all tenants, or of the tenant's own; and whether there are keys of tenants beside it
 * @throws Refusal `context_invalid` for an id that means something else in a policy
 */
export function identityPolicy(
  scope: PolicyScope,
  keys: { readonly arn: string; readonly ownAliases?: string },
): PolicyDocument {
  const Condition = conditionOf(scope);
  const actions = actionsOf(scope);
  const own = keys.ownAliases;
  const any = keys.arn.replace(/key\/.*$/, 'key/*');
  const named = { 'ForAnyValue:StringLike': { 'kms:ResourceAliases': own } };
  return documentOf([
    { Sid: 'UseKeys', Effect: 'Allow', Action: actions, Resource: keys.arn, Condition },
    ...(scope.instance !== true
      ? []
      : [
          {
            Sid: 'UseKeysOfTheInstance',
            Effect: 'Allow',
            Action: use,
            Resource: keys.arn,
            // Its names are those of every service on one store, so they are bound to none.
            Condition: conditionOf({ ...scope, tenant: systemTenant }, [scope.service, systemTenant]),
          },
        ]),
    { Sid: 'SeeKey', Effect: 'Allow', Action: 'kms:DescribeKey', Resource: keys.arn },
    ...(own === undefined
      ? []
      : [
          {
            Sid: 'UseKeysOfTenants',
            Effect: 'Allow',
            Action: actions,
            Resource: any,
            Condition: { ...Condition, ...named },
          },
          {
            Sid: 'SeeKeysOfTenants',
            Effect: 'Allow',
            Action: 'kms:DescribeKey',
            Resource: any,
            Condition: named,
          },
        ]),
  ]);
}

/**
 * The policy of a key that serves one tenant: whoever asks, it does nothing for another.
 *
 * @param role ARN of the only role that may use it; `undefined`: whichever the account's own policies let
 * @throws Refusal `context_invalid` for an id that means something else in a policy
 */
export function keyPolicy(
  scope: PolicyScope & { readonly tenant: string },
  { account, role }: { readonly account: string; readonly role: string | undefined },
): PolicyDocument {
  const root = { AWS: `arn:${partitionOf(role)}:iam::${account}:root` };
  return documentOf([
    {
      Sid: 'Administer',
      Effect: 'Allow',
      Principal: root,
      Action: role === undefined ? 'kms:*' : administration,
      Resource: '*',
    },
    ...(role === undefined
      ? []
      : [
          {
            Sid: 'Use',
            Effect: 'Allow',
            Principal: { AWS: role },
            Action: [...use, ...moving],
            Resource: '*',
            Condition: conditionOf(scope),
          },
          { Sid: 'See', Effect: 'Allow', Principal: { AWS: role }, Action: 'kms:DescribeKey', Resource: '*' },
        ]),
    {
      Sid: 'NothingForOthers',
      Effect: 'Deny',
      Principal: '*',
      Action: [...use, 'kms:GenerateDataKeyWithoutPlaintext', ...moving],
      Resource: '*',
      Condition: { StringNotEquals: equals({ tenant: scope.tenant }) },
    },
  ]);
}

function actionsOf({ tenant }: PolicyScope): readonly string[] {
  return (tenant === undefined ? [...use, ...moving] : use).toSorted();
}

function conditionOf(scope: PolicyScope, services?: readonly string[]): Readonly<Record<string, unknown>> {
  const either = services === undefined ? {} : { 'kms:EncryptionContext:service': services };
  return {
    StringEquals: { ...equals(scope), ...either },
    'ForAllValues:StringEquals': { 'kms:EncryptionContextKeys': contextNames },
  };
}

function equals({ deployment, tenant, service }: Partial<PolicyScope>): Readonly<Record<string, string>> {
  const pairs = { client_id: tenant, deployment, service };
  return Object.fromEntries(
    Object.entries(pairs).flatMap(([name, value]) =>
      value === undefined ? [] : [[`kms:EncryptionContext:${name}`, literal(value)]],
    ),
  );
}

// `${aws:username}` and the like are filled in by AWS, also where no wildcard holds.
function literal(value: string): string {
  if (!value.includes('${')) return value;
  throw refuse('context_invalid', 'an id in a policy may not hold "${"');
}

function partitionOf(arn: string | undefined): string {
  return /^arn:(aws[\w-]*):/.exec(arn ?? '')?.[1] ?? 'aws';
}

function documentOf(Statement: PolicyDocument['Statement']): PolicyDocument {
  return { Version: '2012-10-17', Statement };
}
