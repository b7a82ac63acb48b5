import { Refusal, refuse } from '../../refusal.ts';

// What DynamoDB and its SDK say, in our words. Their messages name tables, attributes and roles; they go to the log only.

const messages: Readonly<Record<string, string>> = {
  AccessDeniedException: 'the database denies access',
  CredentialsProviderError: 'there are no AWS credentials for the database',
  ExpiredTokenException: 'the AWS credentials for the database have expired',
  InvalidSignatureException: 'the database does not accept the AWS credentials',
  ProvisionedThroughputExceededException: 'the database is overloaded',
  RequestLimitExceeded: 'the database is overloaded',
  ResourceNotFoundException: 'a table of the database is missing; make it: sealgate tables create',
  ThrottlingException: 'the database is overloaded',
  TransactionCanceledException: 'the database is overloaded',
  TransactionConflictException: 'the database is overloaded',
  UnrecognizedClientException: 'the database does not accept the AWS credentials',
};

/**
 * Wait for what talks to DynamoDB.
 *
 * @throws Refusal `store_unavailable` for every error of DynamoDB, its SDK and the network; refusals as they are
 */
export async function asking<V>(work: () => Promise<V>): Promise<V> {
  try {
    return await work();
  } catch (error) {
    throw unavailable(error);
  }
}

function unavailable(error: unknown): unknown {
  if (error instanceof Refusal || !(error instanceof Error)) return error;
  // Not as its cause: an error of the SDK carries the whole answer, and a log would print it.
  return refuse(
    'store_unavailable',
    messages[error.name] ?? 'the database does not answer',
    `DynamoDB ${error.name}: ${error.message}`,
  );
}
