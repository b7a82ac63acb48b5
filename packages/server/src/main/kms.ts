import type { identityPolicy, keyPolicy } from '@sealgate/vault/kms';
import { loadAdapter } from './adapter.ts';

/** What works with AWS KMS, loaded when it is chosen. @throws Refusal `config_invalid` when its package is not installed */
export function loadKms() {
  const needs = { setting: 'KEY_PROVIDER=kms', package: '@aws-sdk/client-kms' };
  return loadAdapter(() => import('@sealgate/vault/kms'), needs);
}

/** What writes policies of AWS. */
export interface Policies {
  readonly identityPolicy: typeof identityPolicy;
  readonly keyPolicy: typeof keyPolicy;
}
