import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { boundedRetries } from './retry.ts';

/** Where DynamoDB is, and who asks. */
export interface DynamoConnection {
  /** AWS region; `undefined`: what the environment of the AWS SDK says. */
  readonly region?: string | undefined;
  /** Another address of DynamoDB; `undefined`: that of the region. */
  readonly endpoint?: string | undefined;
  /** `undefined`: the AWS SDK's own search (environment, container role, instance role). */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string } | undefined;
}

/** A transaction of 100 items and 4 MB takes seconds, not this many. */
const answerMsMax = 5000;
const connectMsMax = 2000;
/** A crowd may open many connections; few stay open behind it. */
const sockets = { maxSockets: 128, maxFreeSockets: 16, keepAlive: true };

/** Open a client that gives up: a request ends after at most five attempts of seven seconds. */
export function openClient({ region, endpoint, credentials }: DynamoConnection): DynamoDBClient {
  return new DynamoDBClient({
    retryStrategy: boundedRetries(),
    requestHandler: {
      connectionTimeout: connectMsMax,
      requestTimeout: answerMsMax,
      throwOnRequestTimeout: true,
      httpAgent: sockets,
      httpsAgent: sockets,
    },
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
  });
}
