import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { expect, test } from 'vitest';
import { transactOnce } from './transaction.ts';

/** A client that fails so, one after another, and then succeeds; with the token of each request. */
function failing(...errors: readonly Error[]) {
  const left = [...errors];
  const tokens: unknown[] = [];
  const send = async ({ input }: { readonly input: { readonly ClientRequestToken: unknown } }) => {
    tokens.push(input.ClientRequestToken);
    const error = left.shift();
    if (error !== undefined) throw error;
    return {};
  };
  return { client: { send } as unknown as DynamoDBClient, tokens };
}

function named(name: string, codes?: readonly string[]): Error {
  const reasons = codes?.map((Code) => ({ Code }));
  return Object.assign(new Error(name), { name, ...(reasons && { CancellationReasons: reasons }) });
}

const signal = AbortSignal.timeout(60_000);

test.each([
  ['met another', named('TransactionConflictException')],
  ['is still under way from before', named('TransactionInProgressException')],
  ['met another on one item', named('TransactionCanceledException', ['None', 'TransactionConflict'])],
  ['was cancelled for no reason that is given', named('TransactionCanceledException', ['None', 'None'])],
])('what %s is asked for again under the same token', async (_, error) => {
  const { client, tokens } = failing(error, error);
  expect(await transactOnce(client, [], signal)).toBeUndefined();
  expect(tokens).toHaveLength(3);
  expect(new Set(tokens).size).toBe(1);
});

test('a condition that failed is the answer, and is not asked for again', async () => {
  const { client, tokens } = failing(
    named('TransactionCanceledException', ['None', 'ConditionalCheckFailed']),
  );
  expect(await transactOnce(client, [], signal)).toBe(1);
  expect(tokens).toHaveLength(1);
});

test.each([
  named('TransactionCanceledException', ['ValidationError', 'None']),
  named('AccessDeniedException'),
])('what another attempt would not change is passed on: %o', async (error) => {
  const { client, tokens } = failing(error);
  await expect(transactOnce(client, [], signal)).rejects.toBe(error);
  expect(tokens).toHaveLength(1);
});
