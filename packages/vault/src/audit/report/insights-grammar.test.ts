import assert from 'node:assert/strict';
import { describe, test } from 'vitest';
import { parseInsights } from './fixtures/insights-grammar.ts';
import { insightsQuery, type QueryChoices } from './insights.ts';
import { reportNames } from './reports.ts';

const choices: QueryChoices = {
  client: 'client-1',
  zone: 'Europe/Berlin',
  sinceMs: Date.parse('2026-10-20T00:00:00Z'),
  untilMs: Date.parse('2026-11-20T00:00:00Z'),
};

describe('the query of a report', () => {
  test.each(reportNames)('%s is in the language', (name) => {
    const commands = parseInsights(insightsQuery(name, choices)).map(({ kind }) => kind);
    assert.deepEqual([commands[0], commands[1], commands.at(-1)], ['fields', 'filter', 'limit']);
  });

  test('begins every line that is no comment, but the first, with a bar', () => {
    const [, , first, ...others] = insightsQuery('services', choices).trimEnd().split('\n');
    assert.match(first ?? '', /^fields /);
    for (const line of others) assert.match(line, /^\| /);
  });

  test('has a stretch for each setting of the clock', () => {
    const berlin = insightsQuery('hours', choices);
    const change = Date.parse('2026-10-25T01:00:00Z');
    assert.equal(berlin.split(' or (toMillis(@timestamp) >= ').length, 2);
    assert.ok(berlin.includes(`toMillis(@timestamp) < ${change} and`));
    assert.ok(berlin.includes(`toMillis(@timestamp) >= ${change} and`));
    assert.equal(
      insightsQuery('hours', { ...choices, zone: 'Asia/Tokyo' }).split(' or (toMillis(@timestamp) >= ')
        .length,
      1,
    );
  });

  test.each(['a"b', 'a\\b', 'a\nb', 'x" or client_id != "'])(
    'is refused for a client called %j',
    (client) => {
      assert.throws(() => insightsQuery('accesses', { ...choices, client }), { code: 'item_invalid' });
    },
  );

  test('is refused without a client where it is about one, and for a zone that there is not', () => {
    assert.throws(() => insightsQuery('accesses', { ...choices, client: undefined }), {
      code: 'item_invalid',
    });
    assert.throws(() => insightsQuery('hours', { ...choices, zone: 'Mars/Olympus' }), {
      code: 'item_invalid',
    });
  });
});

describe('the grammar refuses', () => {
  test.each([
    'where a = 1',
    'fields strftime(@timestamp)',
    'fields toMillis(@timestamp, 1) as x',
    'fields a + 1',
    'filter a == 1',
    'filter a = "x',
    'filter a in ("x")',
    'filter a = 1 and',
    'stats floor(a) as b',
    'stats count(*)',
    'sort a down',
    'limit 0',
    'limit 10001',
    'fields a | ',
    'fields a fields b',
    'fields `a`',
  ])('%s', (query) => {
    assert.throws(() => parseInsights(query));
  });

  test('and reads what binds tighter first', () => {
    const [filter] = parseInsights('filter a = 1 or not b = 2 and c + 1 * 2 < 3');
    assert.ok(filter?.kind === 'filter' && filter.of.kind === 'pair');
    assert.equal(filter.of.by, 'or');
    const { right } = filter.of;
    assert.ok(right.kind === 'pair' && right.left.kind === 'not' && right.right.kind === 'pair');
    assert.deepEqual([right.by, right.right.by], ['and', '<']);
  });
});
