import { z } from 'zod';
import { choice, origin, region, text } from './parsers.ts';
import type { Active } from './variable.ts';

/** The variables that say where things are kept. */
export const storeVariables = {
  MAIN_DB_TYPE: {
    group: 'database',
    doc: 'The database: `sqlite`, a file in `DATA_DIR`, or `dynamodb`, whose tables `sealgate tables create` makes. DynamoDB needs the package `@aws-sdk/client-dynamodb`, and AWS credentials where the AWS SDK looks for them.',
    default: 'sqlite',
    secret: false,
    parse: choice('sqlite', 'dynamodb'),
    expected: 'sqlite or dynamodb',
  },
  DYNAMODB_REGION: {
    group: 'database',
    doc: 'AWS region of the tables; `AWS_REGION` when not set.',
    default: undefined,
    secret: false,
    parse: region,
    expected: 'an AWS region such as eu-central-1',
  },
  AWS_REGION: {
    group: 'database',
    doc: 'AWS region of what has none of its own.',
    default: undefined,
    secret: false,
    parse: region,
    expected: 'an AWS region such as eu-central-1',
  },
  DYNAMODB_TABLE_PREFIX: {
    group: 'database',
    doc: 'Put before every table name.',
    default: '',
    secret: false,
    parse: z.string().regex(/^[\w.-]{0,100}$/),
    expected: 'up to 100 letters, digits, dots, hyphens and underscores',
  },
  DYNAMODB_ENDPOINT: {
    group: 'database',
    doc: 'Another address of DynamoDB, such as a private endpoint or one for tests.',
    default: undefined,
    secret: false,
    parse: origin,
    expected: 'an origin such as https://dynamodb.example.com, without user, path or query',
  },
  REDIS_URL: {
    group: 'Redis',
    doc: 'Where Redis is. It means several instances, so it is refused together with `sqlite`.',
    default: undefined,
    secret: true,
    parse: text,
    expected: 'an address',
  },
} as const satisfies Record<string, Active>;
