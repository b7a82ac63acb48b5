import assert from 'node:assert/strict';
import { describe, test } from 'vitest';
import type { Entry } from '../entry.ts';
import { attemptOf, listedEntries, outcomeOf } from '../fixtures/listed-entries.ts';
import { journalCalls } from '../call-reader.ts';
import { exportFormats, exportText, type ExportFormat } from './export-lines.ts';

const nasty = attemptOf({
  svc: '=cmd|"x"!A0',
  actor: { type: 'client', id: '@evil,\r\n"quoted"' },
  src: { source: 'api', agent: '+1' },
});
const unended = attemptOf({ svc: 'unended' });
const entries = [nasty, unended, outcomeOf(nasty, { out: 'failure', code: 'open_failed' })];

async function text(format: ExportFormat, of: readonly Entry[] = entries, filter = {}): Promise<string> {
  let all = '';
  for await (const piece of exportText(format, journalCalls(listedEntries(of, 2)), filter)) all += piece;
  return all;
}

describe('an export', () => {
  test('as JSONL has the entries as they are, an attempt before its outcome', async () => {
    const lines = (await text('jsonl')).trimEnd().split('\n');
    assert.deepEqual(
      lines.map((line) => JSON.parse(line) as Entry),
      [nasty, entries[2], unended],
    );
  });

  test('as CSV has a line a call under its heads, and no formula', async () => {
    const said = await text('csv');
    const [head = ''] = said.split('\r\n');
    assert.match(head, /^"time","id","tenant",/);
    assert.equal(head.split(',').length, 25);
    assert.ok(said.includes(`"'=cmd|""x""!A0"`));
    assert.ok(said.includes(`"'@evil,\r\n""quoted"""`));
    assert.ok(said.includes(`"'+1"`));
    assert.ok(said.includes('"failure","open_failed"') && said.includes('"none",""'));
    const records = said.match(/(?:"(?:[^"]|"")*"(?:,|\r\n)){25}/g) ?? [];
    assert.equal(records.join(''), said);
    assert.equal(records.length, 3);
  });

  test('as OCSF has an event a line', async () => {
    const lines = (await text('ocsf')).trimEnd().split('\n');
    const events = lines.map((line) => JSON.parse(line) as { type_uid: number; status_id: number });
    assert.deepEqual(
      events.map(({ type_uid, status_id }) => [type_uid, status_id]),
      [
        [600510, 2],
        [600510, 0],
      ],
    );
  });

  test.each(exportFormats)('as %s of nothing has no line but a head', async (format) => {
    assert.equal((await text(format, [])).split('\n').length, format === 'csv' ? 2 : 1);
  });

  test('has what is asked for, and says how far it was read', async () => {
    assert.equal((await text('jsonl', entries, { service: 'unended' })).trimEnd().split('\n').length, 1);
    const reached: number[] = [];
    const reader = listedEntries(entries, 2);
    for await (const _ of exportText('jsonl', journalCalls(reader), {}, ({ entry }) => reached.push(entry)));
    assert.deepEqual(reached, [2, 3]);
  });

  test('holds a page and what has not ended, and not the log', async () => {
    let given = 0;
    const endless = Array.from({ length: 20 }, () => attemptOf()).flatMap((one) => [one, outcomeOf(one)]);
    const base = listedEntries(endless, 4);
    const reader = { page: (query: Parameters<typeof base.page>[0]) => ((given += 1), base.page(query)) };
    for await (const piece of exportText('ocsf', journalCalls(reader), {})) if (piece !== '') break;
    assert.equal(given, 1);
  });
});
