import type { BatchWriteItemCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { expect, it } from 'vitest';
import { fillTable } from './fill.ts';

// DynamoDB Local writes every batch whole; AWS does not.

const rows = Array.from({ length: 60 }, (_, n) => ({
  pk: `g${n}`,
  sk: '',
  revision: undefined,
  ttlSeconds: undefined,
  json: JSON.stringify({ groupId: `g${n}` }),
}));

/** Takes what `take` says of each batch, and hands the rest back. */
function reluctant(take: (batch: number, size: number) => number | Error) {
  const written: string[] = [];
  const sizes: number[] = [];
  const client = {
    async send({ input }: BatchWriteItemCommand) {
      const requests = input.RequestItems?.['groups'] ?? [];
      const taken = take(sizes.length, requests.length);
      sizes.push(requests.length);
      if (taken instanceof Error) throw taken;
      for (const { PutRequest } of requests.slice(0, taken))
        written.push(PutRequest?.Item?.['groupId']?.S ?? '');
      const left = requests.slice(taken);
      return { UnprocessedItems: left.length === 0 ? {} : { groups: left } };
    },
  };
  return { client: client as unknown as DynamoDBClient, written, sizes };
}

const named = (name: string): Error => Object.assign(new Error(name), { name });

it('what DynamoDB hands back is written again, until all of it is there, once', async () => {
  const { client, written, sizes } = reluctant((batch, size) => (batch % 3 === 0 ? 7 : size));
  await fillTable(client, 'groups', rows);
  expect(written.toSorted()).toEqual(rows.map(({ pk }) => pk).toSorted());
  expect(Math.max(...sizes)).toBe(25);
});

it('a batch that is throttled, or meets a transaction, is written again', async () => {
  const { client, written } = reluctant((batch, size) => {
    if (batch === 0) return named('ProvisionedThroughputExceededException');
    return batch === 2 ? named('TransactionConflictException') : size;
  });
  await fillTable(client, 'groups', rows);
  expect(written).toHaveLength(60);
});

it('any other error ends it', async () => {
  const { client } = reluctant(() => named('AccessDeniedException'));
  await expect(fillTable(client, 'groups', rows)).rejects.toThrow('AccessDenied');
});
