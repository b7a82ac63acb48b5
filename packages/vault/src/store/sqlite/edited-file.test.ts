import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sqliteTables, type SqliteTables } from './tables.ts';

// Somebody edits the database file while it is in use. What then lies in a row must not be taken for something else.

let directory: string;
let file: string;
let tables: SqliteTables;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'edited-'));
  file = join(directory, 'main.db');
  tables = sqliteTables({ file, now: Date.now, networkMount: false });
  for (const userId of ['alice', 'bob']) {
    await tables.put('memberships', { groupId: `g-${userId}`, userId, secret: `SECRET of ${userId}` });
    await tables.put('users', { userId, email: 'same@b' });
  }
});
afterEach(async () => {
  await tables.close();
  rmSync(directory, { recursive: true });
});

function edit(table: string, doc: string): void {
  const db = new DatabaseSync(file);
  const column = table === 'users' ? 'k_pk' : 'k_sk';
  db.exec(`UPDATE ${table} SET doc = ${doc} WHERE ${column} = 'alice'`);
  db.close();
}

const damaged = expect.objectContaining({
  code: 'store_unavailable',
  message: expect.stringMatching(/damaged/),
});
const ofBob = `(SELECT doc FROM memberships WHERE k_sk = 'bob')`;
const edits: readonly (readonly [string, string])[] = [
  ['the item of another row', ofBob],
  ['the item of another partition', `json_set(doc, '$.groupId', 'g-bob')`],
  ['the item of another sort key', `json_set(doc, '$.userId', 'bob')`],
  ['no key', `'{"secret":"SECRET"}'`],
  ['a list', `'["SECRET"]'`],
  ['nothing', `'null'`],
  ['no JSON', `'SECRET {'`],
];

describe('a row that was given', () => {
  it.each(edits)('%s is refused, and its content is not quoted', async (_, doc) => {
    edit('memberships', doc);
    const reads = [
      () => tables.get('memberships', { groupId: 'g-alice', userId: 'alice' }),
      () => tables.query('memberships', { partition: 'g-alice', limit: 10 }),
      () => tables.scan('memberships', { limit: 10 }),
    ];
    for (const read of reads) {
      const refusal: unknown = await read().catch((error: unknown) => error);
      expect(refusal).toEqual(damaged);
      expect(JSON.stringify(refusal) + String((refusal as Error).message)).not.toContain('SECRET');
      expect((refusal as Error).cause).toBeUndefined();
    }
    const { item } = (await tables.get('memberships', { groupId: 'g-bob', userId: 'bob' })) ?? {};
    expect(item).toMatchObject({ secret: 'SECRET of bob' });
  });

  it('the item of another row is refused where an index leads to it', async () => {
    edit('users', `(SELECT doc FROM users WHERE k_pk = 'bob')`);
    const asked = tables.query('users', { index: 'email-index', partition: 'same@b', limit: 10 });
    await expect(asked).rejects.toEqual(damaged);
  });
});
