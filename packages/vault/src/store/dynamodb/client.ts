import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { awsOptions, type AwsConnection } from '../aws-client.ts';
import { boundedRetries } from './retry.ts';

/** Where DynamoDB is, and who asks. */
export type DynamoConnection = AwsConnection;

const limits = {
  connectMs: 2000,
  // A transaction of 100 items and 4 MB takes seconds, not this many.
  answerMs: 5000,
  // A crowd may open many connections; few stay open behind it.
  sockets: { maxSockets: 128, maxFreeSockets: 16 },
};

/** Open a client that gives up: a request ends after at most five attempts of seven seconds. */
export function openClient(connection: DynamoConnection): DynamoDBClient {
  return new DynamoDBClient({ ...awsOptions(connection, limits), retryStrategy: boundedRetries() });
}
