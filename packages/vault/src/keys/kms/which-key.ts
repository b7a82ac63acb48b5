import { DescribeKeyCommand } from '@aws-sdk/client-kms';
import { refuse } from '../../refusal.ts';
import type { KeyContext, RootKey } from '../provider.ts';
import { regionOfKey, type KmsClient } from './client.ts';
import { isMissing } from './kms-error.ts';
import { tenantAlias } from './tenant-alias.ts';

// Which key of KMS is meant. A row of the database can name no key but the one of all tenants and the tenant's own:
// whoever may write rows must not be able to bring in a key of theirs.

/** Which keys there are. */
export interface KeyChoice {
  /** The key of all tenants that have none of their own: its ARN, id or alias. */
  readonly keyId: string;
  /** Whether tenants may have keys of their own, under the alias that `tenantAlias` names. */
  readonly tenantKeys: boolean;
  /** Whether a request may name any key. Only where whoever writes what is read back cannot name one. */
  readonly namedKeys: boolean;
}

/** Finds keys. */
export interface WhichKey {
  /** What to call the key of a row. An own key goes by its alias, which no row can turn. */
  ofRow(keyRef: string, context: KeyContext): Promise<string>;
  /** Work with the key of this name, or else the tenant's own if there is one, or else the one of all. */
  withKey<A extends { readonly KeyId?: string | undefined }>(
    context: KeyContext,
    keyRef: string | undefined,
    work: (KeyId: string) => Promise<A>,
  ): Promise<A>;
  describe(): Promise<RootKey>;
}

/** Nothing is asked before it is needed. */
export function whichKey({ send }: KmsClient, { keyId, tenantKeys, namedKeys }: KeyChoice): WhichKey {
  const describe = async (): Promise<RootKey> => {
    const { KeyMetadata: said } = await send(new DescribeKeyCommand({ KeyId: keyId }));
    if (said?.KeySpec !== 'SYMMETRIC_DEFAULT' || said.Arn === undefined)
      throw refuse('key_unavailable', 'the root key is not one for symmetric encryption', `KMS key ${keyId}`);
    return { keyRef: said.Arn, active: true, createdAtMs: said.CreationDate?.getTime() };
  };
  let described: Promise<RootKey> | undefined;
  // Where an alias points is looked up once: what it points to later is another root key.
  const sharedArn = async (): Promise<string> => {
    if (regionOfKey(keyId) !== undefined) return keyId;
    described ??= describe().catch((error: unknown) => {
      described = undefined;
      throw error;
    });
    return (await described).keyRef;
  };
  const ofRow: WhichKey['ofRow'] = async (keyRef, { deployment, tenant }) => {
    if (namedKeys && regionOfKey(keyRef) !== undefined) return keyRef;
    if (keyRef === (await sharedArn())) return keyRef;
    if (tenantKeys && regionOfKey(keyRef) !== undefined) return tenantAlias(deployment, tenant);
    throw unknownKey(keyRef);
  };
  return {
    ofRow,
    async withKey(context, keyRef, work) {
      if (keyRef !== undefined) {
        const answer = await work(namedKeys ? keyRef : await ofRow(keyRef, context));
        const sameOrNamed = answer.KeyId === keyRef || (namedKeys && regionOfKey(keyRef) === undefined);
        if (!sameOrNamed) throw unknownKey(keyRef);
        return answer;
      }
      if (!tenantKeys) return work(await sharedArn());
      try {
        return await work(tenantAlias(context.deployment, context.tenant));
      } catch (error) {
        // Denied, disabled or silent is not absent: a tenant with a key of its own never falls back to the other.
        if (!isMissing(error)) throw error;
      }
      return work(await sharedArn());
    },
    describe,
  };
}

/** The key that a row names is none of ours. */
export function unknownKey(keyRef: string): Error {
  return refuse(
    'key_unavailable',
    'the root key in use does not belong to this data; bring back the key it was sealed with',
    `provider kms has no root key ${keyRef}`,
  );
}
