import assert from 'node:assert/strict';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { memorySource } from '../../audit-verify/fixtures/memory-source.ts';
import { sampleLog } from '../../audit-verify/fixtures/sample-log.ts';
import { verifyExport } from '../../audit-verify/verify-export.ts';
import { receiptFor } from '../../keys/fixtures/receipt-for.ts';
import { personOf, keysOf } from '../../keys/administration.ts';
import { plainOrder } from '../../keys/shred/fixtures/stage.ts';
import { keySubjects } from '../../keys/key-subjects.ts';
import type { CallReader } from '../call-reader.ts';
import type { CallFilter } from '../calls.ts';
import { sealedCalls } from '../log/sealed-calls.ts';
import { logStage, type LogStage } from '../log/fixtures/stage.ts';
import { exportFormats, type ExportFormat } from './export-lines.ts';
import { exportProven } from './proven-export.ts';

// Exports of a log with persons, clients and names that are formulas, and what somebody may do to a file, or to what lies
// beside it, on its way.

interface Exported {
  readonly text: string;
  readonly files: Map<string, Buffer>;
  readonly unproven: number;
}

let stage: LogStage;
const ann = { actor: { type: 'person', id: 'ann' }, ip: '203.0.113.7', agent: '=2+5,\r\n"x"' } as const;

beforeAll(async () => {
  stage = await logStage();
  await stage.act({}, 300);
  await stage.act(ann, 5);
  await stage.act({ tenant: 'a/b ' }, 3);
  await stage.act({ tenant: '..' }, 2);
  await stage.log.run();
  // All of it has left the journal.
  for (const sealed of await stage.log.settled()) await stage.journal.trim(sealed, Infinity);
  assert.deepEqual((await stage.journal.page({ order: 'oldest', limit: 1 })).entries, []);
});
afterAll(() => stage.close());

async function exported(format: ExportFormat, filter: CallFilter = {}, proven = true): Promise<Exported> {
  const found = { text: '', files: new Map<string, Buffer>(), unproven: -1 };
  const proofs = proven ? stage.log.proofs(() => stage.log.run()) : undefined;
  for await (const piece of exportProven({ format, reader: reader(), filter, proofs })) {
    if ('text' in piece) found.text += piece.text;
    else if ('file' in piece) found.files.set(piece.file.path, Buffer.from(piece.file.bytes));
    else found.unproven = piece.unproven;
  }
  return found;
}

function reader(): CallReader {
  const { segments, sealer, journal, tables, log } = stage;
  const subjects = keySubjects(tables, 'audit_person');
  return sealedCalls({ segments, journal, sealer, subjects, keyring: log.keyring, seams: log.seams });
}

async function* inParts(text: string): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += 777) yield bytes.subarray(at, at + 777);
}

function verify({ text, files }: Pick<Exported, 'text' | 'files'>, vkeys = stage.log.vkeys) {
  return verifyExport({ file: inParts(text), proof: memorySource(files) }, { vkeys });
}

const said = async (given: Pick<Exported, 'text' | 'files'>) => {
  const { state, findings } = await verify(given);
  return [state, ...findings.map(({ says }) => says)];
};

/** With one file beside it changed. */
const beside = ({ text, files }: Exported, path: string, change: (text: string) => string): Exported => {
  const before = files.get(path)!.toString();
  const after = change(before);
  assert.notEqual(after, before);
  return { text, files: new Map(files).set(path, Buffer.from(after)), unproven: 0 };
};
const first = 'entries/000.jsonl';

describe.each(exportFormats)('an export as %s', (format) => {
  test('is proven to a stranger, persons and formulas with it', async () => {
    const all = await exported(format);
    const verdict = await verify(all);
    assert.deepEqual([verdict.state, verdict.findings, verdict.keys], ['ok', [], 'given']);
    assert.deepEqual([all.unproven, verdict.unproven, verdict.unnamed], [0, 0, 0]);
    assert.equal(verdict.format, format);
    assert.equal(verdict.whole, true);
    assert.ok(verdict.entries >= 624, String(verdict.entries));
    const mine = verdict.logs.find(({ origin }) => origin.includes('/group-1/'))!;
    assert.equal(mine.entries, mine.size - 1);
  });

  test('of some entries proves each of them, with no more than what is needed for it', async () => {
    const some = await exported(format, { tenant: 'group-1', actor: 'ann' });
    const verdict = await verify(some);
    assert.deepEqual([verdict.state, verdict.entries, verdict.whole], ['ok', 10, false]);
    const shard = [...some.files.keys()].filter((path) => path.startsWith('logs/'));
    assert.ok(shard.every((path) => path.includes('/group-1/')));
    assert.ok(!shard.some((path) => path.endsWith('/tile/0/000')), shard.join());
  });

  test('shows a value that was changed in its line', async () => {
    const all = await exported(format);
    for (const [from, to] of [
      ['connection:shop#ann#x', 'connection:shop#bob#x'],
      ['203.0.113.7', '203.0.113.8'],
      ['success', 'denied'],
    ] as const) {
      const text = all.text.replace(from, to);
      assert.notEqual(text, all.text);
      assert.match((await said({ ...all, text })).join(), /^tampered,line \d+ is not what its entries say/);
    }
  });

  test('shows a line that was taken out, put in, doubled, moved or cut', async () => {
    const { text, files } = await exported(format);
    const end = format === 'csv' ? '\r\n' : '\n';
    const lines = text.split(end);
    const line = lines[20]!;
    const of = async (changed: readonly string[]) => (await said({ text: changed.join(end), files })).join();
    assert.match(await of(lines.toSpliced(20, 1)), /^incomplete,.*lines/);
    assert.match(await of(lines.toSpliced(20, 0, line)), /^tampered,line/);
    assert.match(await of(lines.toSpliced(20, 1).toSpliced(25, 0, line)), /^tampered,line/);
    assert.match(await of(lines.slice(0, 20)), /^(tampered|incomplete)/);
    assert.match(
      await of([...lines.slice(0, -1), line.slice(0, 30)]),
      /^tampered,the file ends within a line/,
    );
    assert.match(await of([...lines.slice(0, -1), '{}', '']), /^tampered,line/);
  });
});

describe('what lies beside an export', () => {
  test('holds no entry in another place, with another salt, body or person', async () => {
    const all = await exported('jsonl', { tenant: 'group-1' });
    const [one, two, ...others] = all.files
      .get(first)!
      .toString()
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    const lines =
      (...records: readonly unknown[]) =>
      () =>
        `${records.map((record) => JSON.stringify(record)).join('\n')}\n`;
    const swapped = beside(
      all,
      first,
      lines({ ...one, salt: two!['salt'] }, { ...two, salt: one!['salt'] }, ...others),
    );
    assert.match((await said(swapped)).join(), /^tampered,a body is not what its entry commits to/);
    const moved = beside(
      all,
      first,
      lines({ ...one, ix: two!['ix'] }, { ...two, ix: one!['ix'] }, ...others),
    );
    assert.match((await said(moved)).join(), /^tampered,an entry is not the one in its place/);
    const behind = beside(all, first, lines({ ...one, ix: 1e6 }, two, ...others));
    assert.match((await said(behind)).join(), /^tampered,an entry lies behind the end of its log/);
    const twice = beside(all, first, lines(one, one, ...others));
    assert.match((await said(twice)).join(), /tampered.*an entry stands there twice/);
    const other = beside(all, first, (text) => text.replace('\\"id\\":\\"ann\\"', '\\"id\\":\\"bob\\"'));
    assert.match((await said(other)).join(), /^tampered,.*who asked is not what the body commits to/);
    const nowhere = beside(all, first, (text) => text.replace('"log":0', '"log":7'));
    assert.match((await said(nowhere)).join(), /tampered.*an entry is of no log that the export names/);
    const noForm = beside(all, first, (text) => text.replace('"ix"', '"at"'));
    assert.match((await said(noForm)).join(), /tampered,a file of exported entries is not in its form/);
  });

  test('leaves no way to say of an entry that it has no proof, and change it', async () => {
    const all = await exported('jsonl', { tenant: 'group-1' });
    const [line = ''] = all.text.split('\n');
    const forged = line.replace('shop#client-1', 'shop#mallory');
    const changed = beside(all, first, (text) => text.replace(/^.*\n/, `{"entry":${forged}}\n`));
    assert.deepEqual(await said({ ...changed, text: all.text.replace(line, forged) }), [
      'incomplete',
      '1 entries have no proof',
      '1 entries of the log are not in the export, which was to leave none out',
    ]);
    const who = beside(all, first, (text) =>
      text.replace(
        /"who":"(\{.*?\\"id\\":\\")ann(.*?\})"/,
        (_, a: string, b: string) => `"said":"${a}mallory${b}"`,
      ),
    );
    const ofAnn = all.text.split('\n').find((each) => each.includes('"id":"ann"'))!;
    const text = all.text.replace(ofAnn, ofAnn.replace('"id":"ann"', '"id":"mallory"'));
    assert.deepEqual(await said({ ...who, text }), [
      'incomplete',
      'of 1 entries it is not proven who asked, and from where',
    ]);
  });

  test('shows what was left out of an export that was to leave nothing out', async () => {
    const all = await exported('jsonl', { tenant: 'group-1' });
    const lines = all.text.trimEnd().split('\n').slice(2);
    let less = beside(all, first, (text) => text.split('\n').slice(2).join('\n'));
    less = beside(less, 'export.json', (text) =>
      text.replaceAll(
        /"(lines|entries)":(\d+)/g,
        (_, name: string, count: string) => `"${name}":${Number(count) - 2}`,
      ),
    );
    assert.deepEqual(await said({ ...less, text: `${lines.join('\n')}\n` }), [
      'incomplete',
      '2 entries of the log are not in the export, which was to leave none out',
    ]);
  });

  test('proves nothing with the checkpoints, tiles or keys of another log', async () => {
    const all = await exported('jsonl');
    const other = sampleLog();
    assert.match(
      (await verify(all, [other.vkey])).findings.map(({ says }) => says).join(),
      /names another key/,
    );
    const tile = [...all.files.keys()].find(
      (path) => path.includes('/group-1/') && path.endsWith('/tile/0/000'),
    )!;
    for (const [path, bytes] of [
      ['root/checkpoint', other.files.get('root/checkpoint')!],
      [tile, Buffer.alloc(8192, 7)],
    ] as const) {
      const { state } = await verify({ ...all, files: new Map(all.files).set(path, Buffer.from(bytes)) });
      assert.equal(state, 'tampered', path);
    }
    const shard = 'another tenant’s log';
    const renamed = beside(all, 'export.json', (text) => text.replace('/group-1/', '/group-2/'));
    assert.equal((await verify(renamed)).state === 'ok', false, shard);
    const otherwise = beside(all, 'export.json', (text) => text.replace(/"named":\d+/, '"named":1'));
    assert.match((await said(otherwise)).join(), /tampered,the log over all logs states another log/);
    for (const path of ['root/checkpoint', first])
      assert.equal(
        (await verify({ ...all, files: new Map([...all.files].filter(([each]) => each !== path)) })).state,
        'incomplete',
        path,
      );
    assert.equal((await verify({ ...all, files: new Map() })).state, 'unreadable');
  });

  test('is whole when nothing could be sealed, and says of every entry that it has no proof', async () => {
    const all = await exported('ocsf', { actor: 'ann' }, false);
    assert.equal(all.unproven, 10);
    assert.deepEqual([...all.files.keys()], ['entries/000.jsonl', 'export.json']);
    assert.equal((await verify(all)).state, 'unreadable');
  });
});

test('what was recorded after the export began is sealed and proven with it', async () => {
  await stage.act({ tenant: 'late' }, 4);
  const all = await exported('jsonl', { tenant: 'late' });
  assert.equal(all.unproven, 0);
  assert.equal((await verify(all)).state, 'ok');
});

test('a closed month is shown to be whole, and its last lines cannot be left out', async () => {
  stage.clock.nowMs = Date.UTC(2026, 11, 2);
  await stage.act({ tenant: 'group-1' }, 2);
  await stage.log.run();
  const all = await exported('jsonl', { tenant: 'group-1' });
  const verdict = await verify(all);
  assert.equal(verdict.state, 'ok');
  const november = verdict.logs.find(({ origin }) => origin.endsWith('/202611'))!;
  assert.equal(november.entries, november.size - 2);
  const forged = beside(all, 'export.json', (text) =>
    text.replace(/"close":"(.*?)\\"ts\\":\d/, '"close":"$1\\"ts\\":9'),
  );
  assert.match((await said(forged)).join(), /tampered,the log does not end with what is said to close it/);
});

test('whose keys were destroyed is not proven any more, and nothing else suffers', async () => {
  const bob = { tenant: 'erased', actor: { type: 'person', id: 'bob' }, ip: '203.0.113.9' } as const;
  await stage.act(bob, 2);
  await stage.log.run();
  const { administration } = stage.sealer;
  const order = { subject: 'bob', tenants: [], places: ['erased'] };
  await administration.shredPerson(await receiptFor('key.shred', personOf('bob')), order, plainOrder);
  const unnamed = await exported('csv', { tenant: 'erased' });
  assert.deepEqual(await said(unnamed), [
    'incomplete',
    'of 2 entries it is not proven who asked, and from where',
  ]);
  await administration.shredTenant(await receiptFor('key.shred', keysOf('erased')), 'erased', plainOrder);
  await stage.log.keyring.forget('erased', 'destroyed');
  const without = await exported('csv', { tenant: 'erased' });
  assert.deepEqual(
    await said(without),
    ['incomplete', '4 entries have no proof'],
    'each still stands in its place',
  );
  const other = beside(without, first, (text) => text.replace('"out":"success"', '"out":"failure"'));
  assert.match((await said(other)).join(), /^tampered,.*an entry is not what its place says/);
});
