import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, test } from 'vitest';
import type { Refusal } from '../refusal.ts';
import { oneKeySealer } from '../testing/one-key-sealer.ts';
import { noDigest } from './batch.ts';
import { openChain } from './chain-writer.ts';
import type { Committer } from './committer.ts';
import { mended } from './contract/journal-case.ts';
import { openJournal, type Journal, type JournalOptions } from './journal.ts';
import { prepareFile } from './journal-file.ts';
import { openRows } from './rows.ts';
import { openWorkerCommitter } from './worker-committer.ts';

const refused = { code: 'audit_unavailable' };
const sealer = oneKeySealer();
let directory: string;
let path: string;
let journals: Journal[];
let failures: Refusal[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sealgate-failure-'));
  path = join(directory, 'journal.db');
  journals = [];
  failures = [];
});
afterEach(async () => {
  for (const journal of journals) await journal.close();
  rmSync(directory, { recursive: true });
});

async function open(options: Partial<JournalOptions> = {}) {
  const failed = (refusal: Refusal) => failures.push(refusal);
  const journal = await openJournal({ path, sealer, now: Date.now, retryMs: 10, failed, ...options });
  journals.push(journal);
  return journal;
}

const line = (id: string) => JSON.stringify({ id, ts: 1 });
const pause = () => new Promise((resolve) => setTimeout(resolve, 5));

async function ids(journal: Journal) {
  return (await journal.page({ order: 'oldest', limit: 1000 })).entries.map((entry) => entry.id);
}

async function intact(journal: Journal) {
  assert.equal((await journal.verify()).state, 'intact');
}

/** A committer whose commits can be made to go wrong; the disk below it is real. */
function fragile() {
  let open_: Committer | undefined;
  let fault: ((commit: () => Promise<void>) => Promise<void>) | undefined;
  return {
    current: () => open_!,
    next(wanted: typeof fault) {
      fault = wanted;
    },
    async openCommitter(file: string): Promise<Committer> {
      const real = (open_ = await openWorkerCommitter(file));
      return {
        ...real,
        commit(batch) {
          const wanted = fault;
          fault = undefined;
          return wanted === undefined ? real.commit(batch) : wanted(() => real.commit(batch));
        },
      };
    },
  };
}

test('while the disk refuses, attempts are refused and outcomes kept; then both go on', async () => {
  const journal = await open();
  await journal.append(line('before'));
  const other = new DatabaseSync(path);
  other.exec('BEGIN IMMEDIATE');
  const attempts = [journal.append(line('lost-1')), journal.append(line('lost-2'), 'patient')];
  journal.offer(line('outcome-1'));
  for (const attempt of attempts) await assert.rejects(attempt, refused);
  assert.equal(journal.health().failing, true);
  await assert.rejects(journal.append(line('lost-3')), refused);
  journal.offer(line('outcome-2'));
  await journal.queue(line('listed'));
  other.exec('ROLLBACK');
  other.close();
  await mended(journal);
  await journal.append(line('after'));
  assert.deepEqual(await ids(journal), ['before', 'outcome-1', 'outcome-2', 'listed', 'after']);
  assert.equal(failures[0]?.code, 'audit_unavailable');
  await intact(journal);
});

test('a dead commit thread refuses who waits, and is replaced', async () => {
  const committer = fragile();
  const journal = await open({ openCommitter: committer.openCommitter });
  await committer.current().close();
  const attempt = journal.append(line('lost'));
  journal.offer(line('outcome'));
  await assert.rejects(attempt, refused);
  await mended(journal);
  await journal.append(line('after'));
  assert.deepEqual(await ids(journal), ['outcome', 'after']);
  await intact(journal);
});

test('a commit that failed after it reached the disk is found there, and nothing is written twice', async () => {
  const committer = fragile();
  const journal = await open({ openCommitter: committer.openCommitter });
  committer.next(async (commit) => {
    await commit();
    throw new Error('the answer was lost');
  });
  const attempt = journal.append(line('refused'));
  journal.offer(line('outcome'));
  await assert.rejects(attempt, refused);
  await mended(journal);
  await journal.append(line('after'));
  assert.deepEqual(await ids(journal), ['refused', 'outcome', 'after']);
  await intact(journal);
});

test('a file that changed behind the process is never written again', async () => {
  const committer = fragile();
  const journal = await open({ openCommitter: committer.openCommitter });
  await journal.append(line('1'));
  await journal.append(line('2'));
  const other = new DatabaseSync(path);
  other.exec('DELETE FROM batches WHERE n = 2');
  other.close();
  committer.next(() => Promise.reject(new Error('disk')));
  await assert.rejects(journal.append(line('3')), refused);
  while (failures.length < 3) await pause();
  await assert.rejects(journal.append(line('4')), refused);
  assert.equal((failures.at(-1)!.cause as Refusal).code, 'journal_broken');
  assert.deepEqual(await ids(journal), ['1']);
});

test('of two processes on one file one is refused, and the chain stays whole', async () => {
  const [first, second] = [await open(), await open()];
  await first.append(line('first'));
  await assert.rejects(second.append(line('second')), refused);
  await first.append(line('first again'));
  assert.deepEqual(await ids(first), ['first', 'first again']);
  await intact(first);
});

test('a key that cannot be asked refuses attempts and keeps outcomes', async () => {
  let locked = false;
  const seal: typeof sealer.seal = (...call) =>
    locked ? Promise.reject(new Error('no key')) : sealer.seal(...call);
  const journal = await open({ sealer: { ...sealer, seal } });
  locked = true;
  const attempt = journal.append(line('lost'));
  journal.offer(line('outcome'));
  await assert.rejects(attempt, refused);
  locked = false;
  await mended(journal);
  assert.deepEqual(await ids(journal), ['outcome']);
});

test('a full queue refuses attempts, holds back listings and has room for as many outcomes again', async () => {
  const committer = fragile();
  const journal = await open({ openCommitter: committer.openCommitter, queueEntriesMax: 4 });
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const under = new Promise<void>((resolve) => {
    committer.next((commit) => (resolve(), held.then(commit)));
  });
  const begun = journal.append(line('begun'));
  await under;
  const fitting = [1, 2, 3, 4].map((i) => journal.append(line(`attempt-${i}`)));
  await assert.rejects(journal.append(line('too many')), refused);
  let listed = false;
  const listing = journal.queue(line('listing')).then(() => (listed = true));
  const offers = [1, 2, 3, 4, 5].map((i) => journal.offer(line(`outcome-${i}`)));
  await pause();
  assert.deepEqual(offers, [true, true, true, true, false]);
  assert.equal(listed, false, 'a listing waits for room');
  assert.equal(journal.health().lost, 1);
  assert.deepEqual(
    failures.map((failure) => failure.message),
    ['an audit outcome was lost'],
  );
  release();
  await Promise.all([begun, ...fitting, listing]);
  await mended(journal);
  assert.equal((await ids(journal)).length, 10);
  await intact(journal);
});

test('closing while the disk refuses tells how much could not be written', async () => {
  const journal = await open();
  const other = new DatabaseSync(path);
  other.exec('BEGIN IMMEDIATE');
  journal.offer(line('outcome'));
  await journal.close();
  journals = [];
  other.close();
  assert.match(failures.at(-1)?.detail ?? '', /1 line/);
});

test('a disk that does not answer has failed after a while, and is not written again before it lets go', async () => {
  prepareFile(path);
  const rows = openRows(path);
  let letGo = (): void => undefined;
  const gone = new Promise<void>((resolve) => (letGo = resolve));
  let opened = 0;
  const openCommitter = async (): Promise<Committer> => {
    opened += 1;
    return { commit: () => new Promise(() => undefined), trim: async () => undefined, close: () => gone };
  };
  const tail = { writer: 'w', boot: 1, n: 0, next: 1, digest: noDigest };
  const chain = await openChain({ path, sealer, rows, openCommitter, deadlineMs: 10 }, tail);
  await assert.rejects(chain.write([line('1')]), /no answer/);
  await assert.rejects(chain.recover(), /no answer/);
  await assert.rejects(chain.recover(), /no answer/);
  assert.equal(opened, 1);
  letGo();
  assert.equal(await chain.recover(), false);
  assert.equal(opened, 2);
  await chain.close();
  rows.close();
});
