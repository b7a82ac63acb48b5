import { choice, origin, text } from './parsers.ts';
import type { Active } from './variable.ts';

/** The variables of a root key in AWS KMS. */
export const kmsVariables = {
  KMS_KEY_ARN: {
    group: 'keys',
    doc: 'The key of `KEY_PROVIDER=kms`, a symmetric one. Needs the package `@aws-sdk/client-kms`, and AWS credentials where the AWS SDK looks for them.',
    default: undefined,
    secret: false,
    parse: text.regex(/^arn:aws[\w-]*:kms:[a-z0-9-]+:\d{12}:(?:key\/[\w-]{1,64}|alias\/[\w/-]{1,250})$/),
    expected: 'the ARN of a key or of an alias',
  },
  KMS_KEY_ID: {
    group: 'keys',
    doc: 'The same, by id, alias or ARN; one of the two is enough.',
    default: undefined,
    secret: false,
    parse: text.regex(/^[\w:/-]{1,350}$/),
    expected: 'the id, alias or ARN of a key',
  },
  KMS_ENDPOINT: {
    group: 'keys',
    doc: 'Another address of KMS, such as a private endpoint or one for tests.',
    default: undefined,
    secret: false,
    parse: origin,
    expected: 'an origin such as https://kms.example.com, without user, path or query',
  },
  KMS_TENANT_KEYS: {
    group: 'keys',
    doc: '`true`: tenants may have keys of their own in KMS, made by `sealgate keys create`. The same on all instances.',
    default: 'false',
    secret: false,
    parse: choice('true', 'false').transform((word) => word === 'true'),
    expected: 'true or false',
  },
  SERVICE_NAME: {
    group: 'keys',
    doc: 'Bound to every key that KMS wraps, as `service` of the encryption context: with another one they do not open.',
    default: 'sealgate',
    secret: false,
    parse: text.regex(/^[^$\p{C}]{1,256}$/u),
    expected: 'up to 256 characters, none of them $',
  },
} as const satisfies Record<string, Active>;
