import assert from 'node:assert/strict';
import { test } from 'vitest';
import type { Sealer } from '../keys/sealer.ts';
import type { Batch } from './batch.ts';
import { readPage } from './pages.ts';
import type { Rows } from './rows.ts';

const last: Batch = {
  n: 7,
  writer: 'ab'.repeat(16),
  boot: 1,
  first: 61,
  count: 10,
  prev: Buffer.alloc(32),
  digest: Buffer.alloc(32),
  payload: Buffer.alloc(0),
};
const unread: Rows = {
  at: () => assert.fail('a batch was read'),
  from: () => assert.fail('batches were read'),
  last: () => last,
  close: () => undefined,
};
const sealer = {} as Sealer;

test.each(['newest', 'oldest'] as const)(
  'where all of the journal lies before what is asked for, the %s first, no batch is read again',
  async (order) => {
    const page = await readPage(unread, sealer, {
      order,
      limit: 100,
      behind: new Map([[last.writer, { batch: 7, entry: 70 }]]),
    });
    assert.deepEqual([page.entries, page.cursor, page.reached.of], [[], undefined, 70]);
  },
);
