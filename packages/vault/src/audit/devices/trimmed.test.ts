import assert from 'node:assert/strict';
import { copyFileSync, rmSync } from 'node:fs';
import { afterEach, beforeEach, describe, test } from 'vitest';
import type { Journal } from '../journal.ts';
import { bothWell, line, states, twoDevices, until } from './fixtures/two-devices.ts';

let stage: ReturnType<typeof twoDevices>;
beforeEach(() => {
  stage = twoDevices();
});
afterEach(() => stage.end());

async function trimAll(journal: Journal): Promise<void> {
  const { end, writer } = journal.health();
  await journal.trim({ writer, batch: end.batch, digest: Buffer.from(end.digest, 'hex') }, Infinity);
}

async function append(journal: Journal, ...ids: string[]): Promise<void> {
  for (const id of ids) await journal.append(line(id));
}

describe('a journal with a second file, of which the beginning has left', () => {
  test('goes on with both, and the second one still has everything', async () => {
    const journal = await stage.open();
    await bothWell(journal);
    await append(journal, 'a', 'b');
    await trimAll(journal);
    await append(journal, 'c');
    await stage.close(journal);
    assert.deepEqual(await stage.ids(), ['c']);
    const again = await stage.open();
    await bothWell(again);
    await stage.close(again);
    for (const side of ['', '-wal', '-shm']) rmSync(`${stage.path}${side}`, { force: true });
    await stage.close(await stage.open());
    assert.deepEqual(await stage.ids(), ['a', 'b', 'c']);
  });

  test('gives a new second file what it has itself', async () => {
    const journal = await stage.open();
    await bothWell(journal);
    await append(journal, 'a', 'b');
    await trimAll(journal);
    await append(journal, 'c', 'd');
    await stage.close(journal);
    rmSync(stage.file);
    const again = await stage.open();
    await bothWell(again);
    await append(again, 'e');
    await stage.close(again);
    for (const side of ['', '-wal', '-shm']) rmSync(`${stage.path}${side}`, { force: true });
    const restored = await stage.open();
    assert.equal((await restored.verify()).state, 'intact');
    await append(restored, 'f');
    await stage.close(restored);
    assert.deepEqual(await stage.ids(), ['c', 'd', 'e', 'f']);
  });

  test('keeps what the second one lacks, until it has it', async () => {
    const journal = await stage.open();
    await bothWell(journal);
    await append(journal, 'a');
    stage.second.set(async () => {
      throw new Error('no disk');
    });
    await append(journal, 'b');
    await until(() => states(journal)[1] !== 'ok');
    await append(journal, 'c');
    await trimAll(journal);
    assert.deepEqual(await stage.ids(), ['a', 'b', 'c']);
    stage.second.set(undefined);
    await bothWell(journal);
    await trimAll(journal);
    await append(journal, 'd');
    assert.deepEqual(await stage.ids(), ['d']);
    assert.deepEqual(states(journal), ['ok', 'ok']);
  });

  test('is not gone on with beside a file that ends before it begins', async () => {
    const journal = await stage.open();
    await bothWell(journal);
    await append(journal, 'a');
    await stage.close(journal);
    copyFileSync(stage.file, `${stage.file}.old`);
    const again = await stage.open();
    await bothWell(again);
    await append(again, 'b', 'c');
    await trimAll(again);
    await stage.close(again);
    copyFileSync(`${stage.file}.old`, stage.file);
    await assert.rejects(stage.open(), {
      code: 'journal_broken',
      message: 'one file of the audit journal ends before the other begins: move the one that is behind away',
    });
  });
});
