import assert from 'node:assert/strict';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, afterEach, beforeAll, beforeEach, describe, test } from 'vitest';
import { oneKeySealer } from '../testing/one-key-sealer.ts';
import { digestOf, noDigest, type Batch } from './batch.ts';
import { openJournal, openJournalReader } from './journal.ts';

// Six batches of one entry; then somebody with write access to the file, but without our keys, is at work.

const sealer = oneKeySealer();
const directory = mkdtempSync(join(tmpdir(), 'sealgate-tamper-'));
const untouched = join(directory, 'untouched.db');
const path = join(directory, 'journal.db');
beforeAll(async () => {
  const journal = await openJournal({ path: untouched, sealer, now: Date.now });
  for (let i = 1; i <= 6; i += 1) await journal.append(JSON.stringify({ id: `e${i}`, ts: i }));
  await journal.close();
});
beforeEach(() => copyFileSync(untouched, path));
afterEach(() => {
  for (const end of ['', '-wal', '-shm']) rmSync(`${path}${end}`, { force: true });
});
afterAll(() => rmSync(directory, { recursive: true }));

function tamper(...statements: string[]) {
  const db = new DatabaseSync(path);
  for (const statement of statements) db.exec(statement);
  db.close();
}

/** Make all digests and predecessors right again: they have no key. */
function rechain() {
  const db = new DatabaseSync(path);
  let prev: Uint8Array = noDigest;
  for (const row of db.prepare('SELECT * FROM batches ORDER BY n').all() as unknown as Batch[]) {
    const digest = digestOf({ ...row, prev }, row.payload);
    db.prepare('UPDATE batches SET prev = ?, digest = ? WHERE n = ?').run(prev, digest, row.n);
    prev = digest;
  }
  db.close();
}

async function verdict(anchor?: { batch: number; digest: string }) {
  const reader = openJournalReader({ path, sealer });
  try {
    return await reader.verify(anchor);
  } finally {
    await reader.close();
  }
}

// Another byte for sure, whatever chance put there.
const flip = (column: string) =>
  `substr(${column}, 1, 5) || iif(substr(${column}, 6, 1) = x'00', x'01', x'00') || substr(${column}, 7)`;
const swap = (a: number, b: number) => [
  `UPDATE batches SET n = -1 WHERE n = ${a}`,
  `UPDATE batches SET n = ${a} WHERE n = ${b}`,
  `UPDATE batches SET n = ${b} WHERE n = -1`,
];
const renumber = 'UPDATE batches SET n = n - 1, first = first - 1 WHERE n > 3';

const attacks: { name: string; do: string[]; rechain?: true; at: number; reason: string }[] = [
  {
    name: 'a byte of the payload',
    do: [`UPDATE batches SET payload = CAST(${flip('payload')} AS BLOB) WHERE n = 3`],
    at: 3,
    reason: 'digest',
  },
  {
    name: 'a byte of the predecessor',
    do: [`UPDATE batches SET prev = CAST(${flip('prev')} AS BLOB) WHERE n = 3`],
    at: 3,
    reason: 'digest',
  },
  {
    name: 'a byte of the digest',
    do: [`UPDATE batches SET digest = CAST(${flip('digest')} AS BLOB) WHERE n = 3`],
    at: 3,
    reason: 'digest',
  },
  { name: 'the count', do: ['UPDATE batches SET count = 2 WHERE n = 6'], at: 6, reason: 'digest' },
  {
    name: 'the count of a middle row',
    do: ['UPDATE batches SET count = 2 WHERE n = 3'],
    at: 3,
    reason: 'digest',
  },
  { name: 'the first entry number', do: ['UPDATE batches SET first = 4 WHERE n = 3'], at: 3, reason: 'gap' },
  { name: 'the writer', do: [`UPDATE batches SET writer = 'x' WHERE n = 3`], at: 3, reason: 'gap' },
  { name: 'the boot', do: ['UPDATE batches SET boot = 2 WHERE n = 3'], at: 3, reason: 'digest' },
  { name: 'a deleted first row', do: ['DELETE FROM batches WHERE n = 1'], at: 1, reason: 'gap' },
  { name: 'a deleted middle row', do: ['DELETE FROM batches WHERE n = 3'], at: 3, reason: 'gap' },
  { name: 'two rows in each other’s place', do: swap(3, 4), at: 3, reason: 'gap' },
  {
    name: 'a row twice',
    do: [
      'INSERT INTO batches SELECT 7, writer, boot, 7, count, prev, digest, payload FROM batches WHERE n = 6',
    ],
    at: 7,
    reason: 'digest',
  },
  ...[0, -5].map((n) => ({
    name: `a row in front of the first, as number ${n}`,
    do: [
      `INSERT INTO batches SELECT ${n}, writer, boot, 7, count, prev, digest, payload FROM batches WHERE n = 6`,
    ],
    at: 1,
    reason: 'gap',
  })),
  // From here on the digests are made right again, so only the seal can tell.
  {
    name: 'a changed payload, chained anew',
    do: [`UPDATE batches SET payload = CAST(${flip('payload')} AS BLOB) WHERE n = 3`],
    rechain: true,
    at: 3,
    reason: 'seal',
  },
  {
    name: 'the payload of another row, chained anew',
    do: ['UPDATE batches SET payload = (SELECT payload FROM batches WHERE n = 2) WHERE n = 3'],
    rechain: true,
    at: 3,
    reason: 'seal',
  },
  {
    name: 'a changed boot, chained anew',
    do: ['UPDATE batches SET boot = 2 WHERE n >= 3'],
    rechain: true,
    at: 3,
    reason: 'seal',
  },
  {
    name: 'a changed writer, chained anew',
    do: [`UPDATE batches SET writer = 'x'`],
    rechain: true,
    at: 1,
    reason: 'seal',
  },
  {
    name: 'a changed count, chained anew',
    do: ['UPDATE batches SET count = 2 WHERE n = 6'],
    rechain: true,
    at: 6,
    reason: 'seal',
  },
  {
    name: 'a deleted row, the rest renumbered and chained anew',
    do: ['DELETE FROM batches WHERE n = 3', renumber],
    rechain: true,
    at: 3,
    reason: 'seal',
  },
];

describe('a changed journal is found broken at', () => {
  test.each(attacks)('$name', async (attack) => {
    tamper(...attack.do);
    if (attack.rechain) rechain();
    assert.deepEqual(await verdict(), { state: 'broken', at: attack.at, reason: attack.reason });
  });
});

test('an untouched journal is intact', async () => {
  const found = await verdict();
  assert.equal(found.state, 'intact');
  rechain();
  assert.deepEqual(await verdict(), found);
});

test('rows cut off the end are found by an anchor, and only by one', async () => {
  const before = await verdict();
  assert.ok(before.state === 'intact');
  tamper('DELETE FROM batches WHERE n > 4');
  assert.equal((await verdict()).state, 'intact');
  assert.deepEqual(await verdict(before.end), { state: 'broken', at: 5, reason: 'gap' });
});

test('another history is found by an anchor of this one', async () => {
  assert.deepEqual(await verdict({ batch: 4, digest: '00'.repeat(32) }), {
    state: 'broken',
    at: 4,
    reason: 'digest',
  });
});

test('rows cut off the end behind a running process are found by it', async () => {
  const journal = await openJournal({ path, sealer, now: Date.now });
  tamper('DELETE FROM batches WHERE n = 6');
  assert.deepEqual(await journal.verify(), { state: 'broken', at: 6, reason: 'gap' });
  await journal.close();
});

describe('a process does not start on a journal whose last row', () => {
  const last = [
    {
      name: 'was changed',
      do: [`UPDATE batches SET payload = CAST(${flip('payload')} AS BLOB) WHERE n = 6`],
    },
    {
      name: 'was changed and chained anew',
      do: [`UPDATE batches SET payload = CAST(${flip('payload')} AS BLOB) WHERE n = 6`],
      rechain: true,
    },
    { name: 'counts wrong, chained anew', do: ['UPDATE batches SET count = 2 WHERE n = 6'], rechain: true },
    { name: 'has no predecessor', do: ['DELETE FROM batches WHERE n = 5'] },
    { name: 'has another digest', do: [`UPDATE batches SET digest = x'00' WHERE n = 6`] },
    {
      name: 'has a value of another type',
      do: [
        'DROP TABLE batches',
        'CREATE TABLE batches (n, writer, boot, first, count, prev, digest, payload)',
        `INSERT INTO batches VALUES (1, 'w', 1, 1, 1, 'text', x'00', x'00')`,
      ],
    },
  ];
  test.each(last)('$name', async (attack) => {
    tamper(...attack.do);
    if (attack.rechain) rechain();
    await assert.rejects(openJournal({ path, sealer, now: Date.now }), { code: 'journal_broken' });
  });

  test('was sealed under other keys', async () => {
    await assert.rejects(openJournal({ path, sealer: oneKeySealer(), now: Date.now }), {
      code: 'journal_broken',
    });
  });
});

describe('a file that is no journal any more is neither read nor written', () => {
  const huge = '9223372036854775807';
  test.each([
    [
      'a trigger that deletes what is written',
      `CREATE TRIGGER t AFTER INSERT ON batches BEGIN DELETE FROM batches WHERE n = new.n; END`,
    ],
    ['a view', 'ALTER TABLE batches RENAME TO other', 'CREATE VIEW batches AS SELECT * FROM other'],
    ['another table', 'CREATE TABLE other (a)'],
    ['no table', 'DROP TABLE batches'],
    ['other columns', 'ALTER TABLE batches DROP COLUMN writer'],
    ['a number beyond all', `UPDATE batches SET n = ${huge} WHERE n = 6`],
  ])('with %s', async (_, ...statements) => {
    tamper(...statements);
    await assert.rejects(verdict(), { code: 'journal_broken' });
    await assert.rejects(openJournal({ path, sealer, now: Date.now }), { code: 'journal_broken' });
  });
});
