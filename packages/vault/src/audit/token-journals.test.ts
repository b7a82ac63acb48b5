import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'vitest';
import { memoryRecords } from '../store/memory/records.ts';
import { countedKeys } from '../tokens/fixtures/test-manager.ts';
import { SecureTokenManager } from '../tokens/secure-token-manager.ts';
import { newestCalls, type Call } from './calls.ts';
import { attemptOf, listedEntries, outcomeOf } from './fixtures/listed-entries.ts';
import { mergedCalls } from './merged-calls.ts';
import { reportRows } from './report/reports.ts';
import { openTokenJournals } from './token-journals.ts';

let directory: string;
beforeEach(() => void (directory = mkdtempSync(join(tmpdir(), 'sealgate-token-journals-'))));
afterEach(() => rmSync(directory, { recursive: true }));

async function timesOf(pages: AsyncIterable<readonly Call[]>): Promise<number[]> {
  const times: number[] = [];
  for await (const page of pages) times.push(...page.map(({ attempt }) => attempt.ts));
  return times;
}

describe('calls of several logs', () => {
  test.each([1, 3, 1000])('come as those of one, the newest first, in pages of %i', async (pageMax) => {
    const logs = [[10, 40, 70, 71, 72], [20, 30, 80], [], [50]].map((times) =>
      listedEntries(
        times.flatMap((ts) => {
          const attempt = attemptOf({ ts });
          return [attempt, outcomeOf(attempt)];
        }),
        pageMax,
      ),
    );
    const merged = mergedCalls(logs.map((log) => newestCalls(log, {})));
    assert.deepEqual(await timesOf(merged), [80, 72, 71, 70, 50, 40, 30, 20, 10]);
  });

  test('are no longer asked for when nobody wants more', async () => {
    let left = 0;
    async function* endless(): AsyncGenerator<readonly Call[]> {
      try {
        for (;;) yield [{ attempt: attemptOf(), outcome: undefined }];
      } finally {
        left += 1;
      }
    }
    for await (const _ of mergedCalls([endless(), endless()])) break;
    assert.equal(left, 2);
  });
});

/** Entries of one millisecond have no order between journals. */
async function aMoment(): Promise<void> {
  for (const atMs = Date.now(); Date.now() === atMs;) await new Promise(setImmediate);
}

test('who read a client’s tokens is found in the journals of all processes, while they write', async () => {
  const records = memoryRecords({ now: Date.now });
  const provider = countedKeys();
  const open = async (service: string) => {
    const manager = new SecureTokenManager({ records, provider, audit: { directory }, service });
    await manager.connect();
    return manager;
  };
  const [checkout, billing] = [await open('checkout'), await open('billing')];
  await checkout.storeToken('client-1', 'stripe', 'a token');
  await aMoment();
  await billing.getToken('client-1', 'stripe');
  await aMoment();
  await checkout.getToken('client-1', 'paypal');
  await checkout.getToken('client-2', 'stripe');
  await checkout.disconnect();
  await aMoment();
  await billing.getToken('client-1', 'stripe');
  const journals = await openTokenJournals({ directory, provider, now: Date.now });
  assert.equal(journals.count, 2);
  const found = async (): Promise<readonly unknown[]> => {
    const rows: unknown[] = [];
    const calls = journals.calls({ tenant: 'client-1' });
    for await (const page of reportRows('accesses', calls, { zoneOf: () => 'UTC' }))
      rows.push(...page.map(({ service, provider: of, act, code }) => [service, of, act, code]));
    return rows;
  };
  // Its last entries are on their way to the disk.
  while ((await found()).length < 4) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(await found(), [
    ['billing', 'stripe', 'token.get', ''],
    ['checkout', 'paypal', 'token.get', 'token_absent'],
    ['billing', 'stripe', 'token.get', ''],
    ['checkout', 'stripe', 'token.store', ''],
  ]);
  await journals.close();
  await billing.disconnect();
});
