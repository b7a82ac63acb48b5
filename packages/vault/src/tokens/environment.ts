import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { refuse } from '../refusal.ts';
import type { RedisAddress } from '../store/redis/address.ts';

// The one place of this subpath that reads the environment. Secrets may lie in files: `REDIS_AUTH_TOKEN_FILE`.

/** Variables by their names; empty ones count as not set. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Which key of AWS KMS, and where. */
export interface KmsAddress {
  /** Id, alias or ARN. */
  readonly keyId: string;
  /** `undefined`: what the environment of the AWS SDK says. */
  readonly region?: string | undefined;
  /** Another address of KMS. */
  readonly endpoint?: string | undefined;
  /** `undefined`: the AWS SDK's own search (environment, container role, instance role). */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined;
}

/** The variables of this process. */
export function environment(): Environment {
  return process.env;
}

/** `SERVICE_NAME`; `sealgate` when not set. */
export function serviceIn(set: Environment): string {
  return textIn(set, 'SERVICE_NAME') ?? 'sealgate';
}

/** `REDIS_URL`, `REDIS_AUTH_TOKEN`, `REDIS_ALLOW_PLAINTEXT`. @throws Refusal `store_unavailable` when there is no address */
export function redisIn(set: Environment): RedisAddress {
  const url = textIn(set, 'REDIS_URL');
  if (url === undefined) throw refuse('store_unavailable', 'set REDIS_URL to the address of Redis');
  const allowPlaintext = textIn(set, 'REDIS_ALLOW_PLAINTEXT') === 'true';
  return {
    url,
    authToken: textIn(set, 'REDIS_AUTH_TOKEN') ?? secretFileIn(set, 'REDIS_AUTH_TOKEN'),
    allowPlaintext,
  };
}

/** `KMS_KEY_ID` (or `KMS_KEY_ARN`), `AWS_REGION`, `KMS_ENDPOINT`. @throws Refusal `key_unavailable` when no key is named, or two */
export function kmsIn(set: Environment): KmsAddress {
  const [id, arn] = [textIn(set, 'KMS_KEY_ID'), textIn(set, 'KMS_KEY_ARN')];
  const keyId = id ?? arn;
  if (keyId === undefined) throw refuse('key_unavailable', 'set KMS_KEY_ID to the key of AWS KMS');
  if (arn !== undefined && arn !== keyId)
    throw refuse('key_unavailable', 'KMS_KEY_ID and KMS_KEY_ARN name two keys; set one of them');
  return { keyId, region: textIn(set, 'AWS_REGION'), endpoint: textIn(set, 'KMS_ENDPOINT') };
}

/** `AUDIT_LOG_DIR`; `audit` in `DATA_DIR` when not set. */
export function auditDirectoryIn(set: Environment): string {
  return textIn(set, 'AUDIT_LOG_DIR') ?? join(textIn(set, 'DATA_DIR') ?? 'data', 'audit');
}

function textIn(set: Environment, name: string): string | undefined {
  const text = set[name];
  return text === undefined || text === '' ? undefined : text;
}

function secretFileIn(set: Environment, name: string): string | undefined {
  const file = textIn(set, `${name}_FILE`);
  if (file === undefined) return undefined;
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    throw refuse('store_unavailable', `${name}_FILE cannot be read`, String(error), error);
  }
}
