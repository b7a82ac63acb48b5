import assert from 'node:assert/strict';
import { appendFileSync, copyFileSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, test } from 'vitest';
import { oneKeySealer } from '../../testing/one-key-sealer.ts';
import { sealBatch, tailAfter } from '../batch.ts';
import { batchOfLine, lineOf } from './batch-line.ts';
import { bothWell, line, states, twoDevices, until } from './fixtures/two-devices.ts';

let two: ReturnType<typeof twoDevices>;
beforeEach(() => {
  two = twoDevices();
});
afterEach(() => two.end());

const refused = { code: 'audit_unavailable' };
const full = () => Promise.reject(new Error('ENOSPC'));

test('both devices hold each acknowledged batch, the second as lines of its own, for its owner alone', async () => {
  const journal = await two.open();
  await bothWell(journal);
  for (const id of ['a', 'b', 'c']) await journal.append(line(id));
  const lines = readFileSync(two.file, 'utf8').trimEnd().split('\n');
  assert.deepEqual(
    lines.slice(1).map((text) => batchOfLine(text)?.n),
    [1, 2, 3],
  );
  assert.equal(lines.join().includes(line('a')), false);
  assert.equal(statSync(two.file).mode & 0o777, 0o600);
  assert.deepEqual(await two.ids(), ['a', 'b', 'c']);
  assert.deepEqual(two.changes, []);
});

test('while the second file is full strict acts go on; once it is not it gets what it missed and counts again', async () => {
  const journal = await two.open();
  await bothWell(journal);
  await journal.append(line('1'));
  two.second.set(full);
  for (const id of ['2', '3', '4']) await journal.append(line(id));
  assert.equal(states(journal)[0], 'ok');
  assert.notEqual(states(journal)[1], 'ok');
  assert.equal(journal.health().failing, false);
  two.second.set(undefined);
  await bothWell(journal);
  await journal.append(line('5'));
  assert.deepEqual(
    two.changes.map(({ device, state }) => [device, state]),
    [
      ['second', 'failed'],
      ['second', 'ok'],
    ],
  );
  await two.close(journal);
  rmSync(two.path);
  const again = await two.open();
  assert.deepEqual(await two.ids(), ['1', '2', '3', '4', '5']);
  await two.close(again);
});

test('while the journal is locked by another program the second file takes over, and the journal catches up', async () => {
  const journal = await two.open();
  await bothWell(journal);
  await journal.append(line('1'));
  const other = new DatabaseSync(two.path);
  other.exec('BEGIN IMMEDIATE');
  for (const id of ['2', '3']) await journal.append(line(id));
  assert.equal((await journal.verify()).state, 'intact');
  assert.equal(journal.health().failing, false);
  assert.notEqual(states(journal)[0], 'ok');
  other.exec('ROLLBACK');
  other.close();
  await bothWell(journal);
  assert.deepEqual(await two.ids(), ['1', '2', '3']);
  assert.deepEqual(
    two.changes.map(({ device, state }) => [device, state]),
    [
      ['journal', 'failed'],
      ['journal', 'ok'],
    ],
  );
});

test('a device that hangs holds callers up once, and never again while it hangs', async () => {
  const journal = await two.open({ boundMs: 50 });
  await bothWell(journal);
  let hung = 0;
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  two.second.set((commit) => ((hung += 1), held.then(commit)));
  for (let i = 0; i < 50; i += 1) await journal.append(line(`${i}`));
  assert.equal(hung, 1);
  assert.equal(states(journal)[1], 'failed');
  two.second.set(undefined);
  release();
  await bothWell(journal);
  await journal.append(line('last'));
  await two.close(journal);
  rmSync(two.path);
  await two.open();
  assert.equal((await two.ids()).length, 51);
});

test('with both gone attempts are refused and outcomes kept; what was in doubt is never written as something else', async () => {
  const journal = await two.open();
  await bothWell(journal);
  await journal.append(line('1'));
  two.first.set(full);
  two.second.set(full);
  const attempt = journal.append(line('in doubt'));
  journal.offer(line('outcome'));
  await assert.rejects(attempt, refused);
  await assert.rejects(journal.append(line('2')), refused);
  assert.equal(journal.health().failing, true);
  two.first.set(undefined);
  await until(() => !journal.health().failing);
  await journal.append(line('3'));
  two.second.set(undefined);
  await bothWell(journal);
  assert.deepEqual(await two.ids(), ['1', 'in doubt', 'outcome', '3']);
});

test('the second file took a batch that was refused, and comes back first: there is no fork', async () => {
  const journal = await two.open();
  await bothWell(journal);
  await journal.append(line('1'));
  two.first.set(full);
  two.second.set(async (commit) => {
    await commit();
    throw new Error('the answer was lost');
  });
  await assert.rejects(journal.append(line('refused')), refused);
  two.first.set(undefined);
  two.second.set(undefined);
  await bothWell(journal);
  await until(() => !journal.health().failing);
  await journal.append(line('2'));
  assert.deepEqual(await two.ids(), ['1', 'refused', '2']);
});

test('a fresh second file gets the whole journal', async () => {
  const alone = await two.open({ second: undefined as never });
  for (let i = 0; i < 40; i += 1) await alone.append(line(`${i}`));
  await two.close(alone);
  const journal = await two.open();
  await bothWell(journal);
  await two.close(journal);
  rmSync(two.path);
  await two.open();
  assert.equal((await two.ids()).length, 40);
});

test('two files that went their own ways are refused at the start', async () => {
  const journal = await two.open();
  await bothWell(journal);
  await journal.append(line('1'));
  await two.close(journal);
  copyFileSync(two.path, `${two.path}.before`);
  const one = await two.open();
  await bothWell(one);
  await one.append(line('2'));
  await two.close(one);
  rmSync(two.path);
  copyFileSync(`${two.path}.before`, two.path);
  const other = await two.open({ second: undefined as never });
  await other.append(line('another 2'));
  await two.close(other);
  await assert.rejects(two.open(), { code: 'journal_broken' });
  const longer = await two.open({ second: undefined as never });
  await longer.append(line('another 3'));
  await two.close(longer);
  await assert.rejects(two.open(), { code: 'journal_broken' });
});

test('who can write the second file alone reaches the journal with nothing that was not sealed by us', async () => {
  const journal = await two.open();
  await bothWell(journal);
  await journal.append(line('1'));
  await two.close(journal);
  const last = batchOfLine(readFileSync(two.file, 'utf8').trimEnd().split('\n').at(-1)!)!;
  const planted = await sealBatch(oneKeySealer(), tailAfter(last), [line('planted')]);
  appendFileSync(two.file, lineOf(planted));
  await assert.rejects(two.open(), { code: 'journal_broken' });
  assert.deepEqual(await two.ids(), ['1']);
});

test('a second file that cannot be used is refused at the start, for nobody could say what it holds', async () => {
  const journal = await two.open();
  await bothWell(journal);
  await two.close(journal);
  rmSync(two.file);
  symlinkSync('/dev/null', two.file);
  await assert.rejects(two.open(), refused);
});
