// The root key in AWS KMS: which one, and where KMS is.
import type { Values } from './active.ts';
import { isLoopback } from './loopback.ts';

/** A key of AWS KMS. */
export interface KmsChoice {
  readonly provider: 'kms';
  /** ARN, id or alias. */
  readonly keyId: string;
  readonly region: string | undefined;
  /** `undefined`: that of the region. */
  readonly endpoint: string | undefined;
  readonly service: string;
  /** Whether tenants may have keys of their own. */
  readonly tenantKeys: boolean;
}

/** The KMS key that the values name, or what stands against it. */
export function kmsOf(values: Values): KmsChoice | { readonly problem: string } {
  const { KMS_KEY_ARN: arn, KMS_KEY_ID: id, KMS_ENDPOINT: endpoint } = values;
  const keyId = arn ?? id;
  if (keyId === undefined) return { problem: 'KEY_PROVIDER=kms needs KMS_KEY_ARN or KMS_KEY_ID' };
  if (arn !== undefined && id !== undefined && id !== arn && id !== nameIn(arn))
    return { problem: 'KMS_KEY_ARN and KMS_KEY_ID name different keys: keep one' };
  const region = regionIn(keyId) ?? values.AWS_REGION;
  if (region === undefined)
    return { problem: 'KMS_KEY_ID without a region needs AWS_REGION, or set KMS_KEY_ARN' };
  const url = endpoint === undefined ? undefined : new URL(endpoint);
  if (url?.protocol === 'http:' && !isLoopback(url.hostname))
    return { problem: 'KMS_ENDPOINT must be https unless it is on this machine: keys would travel in clear' };
  const { SERVICE_NAME: service, KMS_TENANT_KEYS: tenantKeys } = values;
  return { provider: 'kms', keyId, region, endpoint, service, tenantKeys };
}

/** The id or alias in an ARN. */
function nameIn(arn: string): string {
  return arn.replace(/^(?:[^:]*:){5}(?:key\/)?/, '');
}

function regionIn(name: string): string | undefined {
  return name.startsWith('arn:') ? name.split(':')[3] : undefined;
}
