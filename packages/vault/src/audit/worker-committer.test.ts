import assert from 'node:assert/strict';
import { test } from 'vitest';
import { noDigest, type Batch } from './batch.ts';
import { apart } from './worker-committer.ts';

test('the commit thread is sent the bytes of a batch and nothing that lies beside them in memory', () => {
  const neighbours = Buffer.from('secret-payload-secret');
  const payload = neighbours.subarray(7, 14);
  const batch: Batch = {
    n: 1,
    writer: 'w',
    boot: 1,
    first: 1,
    count: 1,
    prev: noDigest,
    digest: neighbours.subarray(0, 6),
    payload,
  };
  const sent = structuredClone(apart(batch));
  assert.deepEqual(Buffer.from(sent.payload).toString(), 'payload');
  for (const bytes of [sent.prev, sent.digest, sent.payload])
    assert.equal(bytes.buffer.byteLength, bytes.length);
});
