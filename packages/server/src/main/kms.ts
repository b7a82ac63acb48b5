import { loadAdapter } from './adapter.ts';

/** What works with AWS KMS, loaded when it is chosen. @throws Refusal `config_invalid` when its package is not installed */
export function loadKms() {
  const needs = { setting: 'KEY_PROVIDER=kms', package: '@aws-sdk/client-kms' };
  return loadAdapter(() => import('@sealgate/vault/kms'), needs);
}
