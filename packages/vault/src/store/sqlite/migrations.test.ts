import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { tableSpecs } from '../spec.ts';
import { migrate } from './migrations.ts';
import { spanSql } from './span-sql.ts';

let db: DatabaseSync;
beforeEach(() => {
  db = new DatabaseSync(':memory:');
});
afterEach(() => db.close());

const version = () => db.prepare('PRAGMA user_version').get()?.['user_version'];
const names = (type: string) =>
  db
    .prepare("SELECT name FROM sqlite_schema WHERE type = ? AND name NOT LIKE 'sqlite_%'")
    .all(type)
    .map(({ name }) => name);

it('a new file has every table and every index of the spec', () => {
  migrate(db);
  expect(version()).toBe(1);
  expect(new Set(names('table'))).toEqual(new Set(Object.keys(tableSpecs)));
  expect(names('index')).toEqual(
    expect.arrayContaining(['users.email-index', 'scheduled_jobs.typeStatus-runAt-index', 'sessions.ttl']),
  );
});

it('a file without a table, a column or an index of the spec gets it, and its rows are in the index', () => {
  db.exec(
    'CREATE TABLE users (k_pk TEXT NOT NULL, k_sk TEXT NOT NULL, rev TEXT, ttl INTEGER, doc TEXT NOT NULL, PRIMARY KEY (k_pk, k_sk))',
  );
  db.exec(
    `INSERT INTO users VALUES ('u', '', NULL, NULL, '{"userId":"u","email":"a@b"}'); PRAGMA user_version=1`,
  );
  migrate(db);
  const { text, values } = spanSql('users', {
    index: 'email-index',
    partition: 'a@b',
    range: undefined,
    descending: false,
    limit: 1,
    after: undefined,
  });
  expect(db.prepare(text).get(...values)).toMatchObject({ k_pk: 'u' });
});

it('each migration runs once, in order', () => {
  migrate(db);
  const ran: number[] = [];
  const steps = [1, 2, 3].map((n) => () => void ran.push(n));
  migrate(db, steps.slice(0, 1));
  migrate(db, steps);
  migrate(db, steps);
  expect(ran).toEqual([1, 2, 3]);
  expect(version()).toBe(4);
});

it('a new file needs no migration', () => {
  migrate(db, [() => expect.unreachable()]);
  expect(version()).toBe(2);
});

it('a migration that fails leaves the file as it was', () => {
  migrate(db);
  const broken = [() => db.exec('DROP TABLE users'), () => db.exec('DROP TABLE nowhere')];
  expect(() => migrate(db, broken)).toThrow(/nowhere/);
  expect(version()).toBe(1);
  expect(names('table')).toContain('users');
});

it('a file of a newer version is refused and not touched', () => {
  db.exec('PRAGMA user_version=7');
  expect(() => migrate(db)).toThrow(
    expect.objectContaining({ code: 'store_unavailable', message: expect.stringContaining('newer version') }),
  );
  expect(version()).toBe(7);
  expect(names('table')).toEqual([]);
});

it.each([
  ['the table', 'memberships', undefined],
  ['an index on the sort key', 'memberships', 'userId-index'],
  ['an index without a sort', 'users', 'email-index'],
  ['an index with a sort', 'scheduled_jobs', 'typeStatus-runAt-index'],
] as const)('no page of %s walks or sorts more than it returns', (_, table, index) => {
  migrate(db);
  const sorted = index === undefined || index === 'typeStatus-runAt-index';
  for (const range of sorted
    ? ([undefined, { after: 'a' }, { before: 'z' }, { between: ['a', 'z'] }] as const)
    : [undefined])
    for (const descending of [false, true])
      for (const after of [undefined, { pk: 'p', sk: 's', sort: 'm' }]) {
        const { text, values } = spanSql(table, {
          index,
          partition: 'p',
          range,
          descending,
          limit: 5,
          after,
        });
        const plan = db
          .prepare(`EXPLAIN QUERY PLAN ${text}`)
          .all(...values)
          .map(({ detail }) => String(detail));
        expect(plan).toEqual([expect.stringMatching(after === undefined ? /^SEARCH / : /^SEARCH .*[<>]/)]);
      }
});
