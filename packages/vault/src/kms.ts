// What `@sealgate/vault/kms` is: the root key in AWS KMS, keys of tenants there, and policies. It needs `@aws-sdk/client-kms`.
export type { KmsConnection } from './keys/kms/client.ts';
export { encryptionContext } from './keys/kms/encryption-context.ts';
export { openKms, type KmsOptions } from './keys/kms/open-kms.ts';
export { identityPolicy, keyPolicy, type PolicyDocument, type PolicyScope } from './keys/kms/policy-text.ts';
export {
  openKmsSessionKeys,
  type KmsSessionKeys,
  type KmsSessionKeysOptions,
} from './keys/kms/session-keys.ts';
export { aliasesOfTenants, tenantAlias } from './keys/kms/tenant-alias.ts';
export { openTenantRoots, type TenantRoot, type TenantRoots } from './keys/kms/tenant-roots.ts';
