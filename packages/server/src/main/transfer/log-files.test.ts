import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  copyJournal,
  envKey,
  memoryTables,
  openAudit,
  openJournal,
  openSealer,
  writeLog,
  type OpenedSealer,
  type Tables,
} from '@sealgate/vault';
import { folderSource, verifyLog, type LogVerdict } from '@sealgate/vault/audit-verify';
import { afterEach, beforeEach, test } from 'vitest';
import { openLog } from '../../main.ts';
import { openAuditLog } from '../audit-log.ts';
import { publishedFormer } from '../former-logs.ts';
import { bringLog, checkLog, takeLog } from './log-files.ts';

// The sealed log of one machine, brought to another: it goes on in one place or in none, and whoever keeps checkpoints sees
// it when it goes on in two.

const now = Date.now;
const log = openLog('error');
let folder: string;
let tables: Tables;
let sealer: OpenedSealer;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'log-files-'));
  for (const name of ['here', 'there', 'out']) mkdirSync(place(name));
  tables = memoryTables({ now });
  sealer = await openSealer({ tables, provider: envKey(randomBytes(32).toString('hex')), now });
});
afterEach(async () => {
  await sealer.close();
  rmSync(folder, { recursive: true });
});

const place = (name: string) => join(folder, name);
const out = () => place('out');

/** Act there, seal it, and verify what is published as somebody who remembers. */
async function worked(name: string, remembered: readonly string[] = []): Promise<LogVerdict> {
  const dataDirectory = place(name);
  const journal = await openJournal({ path: join(dataDirectory, 'journal.db'), sealer, now });
  const database = { type: 'sqlite' } as const;
  const auditLog = openAuditLog({ dataDirectory, database, tables, sealer, journal, log, now });
  try {
    const actor = { type: 'client', id: 'c1' } as const;
    const context = { tenant: 'group-1', actor, source: 'mcp', correlation: 'r1' } as const;
    await openAudit({ journal }).record('strict', context, { act: 'tool.call', object: 'upstreams' });
    assert.equal(await auditLog.catchUp(), undefined);
    const sealed = await auditLog.log();
    const taken = join(folder, `taken-${randomBytes(4).toString('hex')}`);
    await sealed.write(taken);
    return await verifyLog(folderSource(taken), { vkeys: sealed.vkeys, remembered });
  } finally {
    await auditLog.close();
    await journal.close();
  }
}

const taking = (move: boolean, holds = true) =>
  takeLog({ dataDirectory: place('here'), directory: out(), move, holds });

async function brought(log: Awaited<ReturnType<typeof taking>>) {
  await copyJournal(join(place('here'), 'journal.db'), join(place('there'), 'journal.db'));
  await checkLog(out(), { ...(log && { log }) });
  return bringLog(place('there'), out(), { ...(log && { log }) });
}

const nameOf = ({ notes }: LogVerdict) => notes[0]!.split('/')[0];

test('a log that moves goes on there with what was remembered of it, and another one begins here', async () => {
  const before = await worked('here');
  const taken = await taking(true);
  assert.equal(await brought(taken), 'goes on here');
  const after = await worked('there', before.notes);
  assert.deepEqual([after.state, nameOf(after)], ['ok', nameOf(before)]);
  assert.ok(after.entries > before.entries);
  const another = await worked('here');
  assert.equal(another.state, 'ok');
  assert.notEqual(nameOf(another), nameOf(before));
  assert.equal(await bringLog(place('there'), out(), { log: taken! }), 'left: there is one already');
});

test('a log of which a copy is taken goes on here, and the copy is kept there beside another one', async () => {
  const before = await worked('here');
  const taken = await taking(false);
  assert.equal(await brought(taken), 'kept as the log of a former instance');
  const after = await worked('here', before.notes);
  assert.deepEqual([after.state, nameOf(after)], ['ok', nameOf(before)]);
  const there = await worked('there');
  assert.equal(there.state, 'ok');
  assert.notEqual(nameOf(there), nameOf(before));
  const parts = { dataDirectory: place('there'), tables, sealer, now };
  const former = await publishedFormer(parts, taken!.mark, { scope: undefined });
  const written = await writeLog(place('former'), former.files());
  assert.ok(written.bodies > 0);
  const verdict = await verifyLog(folderSource(place('former')), { remembered: before.notes });
  assert.deepEqual([verdict.state, verdict.entries], ['ok', before.entries]);
  await assert.rejects(publishedFormer(parts, 'f'.repeat(12)), { code: 'not_found' });
});

test('whoever goes on in both places against that is found out by a checkpoint that was kept', async () => {
  const before = await worked('here');
  const taken = await taking(true);
  await brought(taken);
  // Put back what was given up.
  const aside = readdirSync(place('here')).find((name) => name.startsWith('audit-moved-'))!;
  for (const file of readdirSync(join(place('here'), aside)))
    renameSync(
      join(place('here'), aside, file),
      join(
        place('here'),
        file.startsWith('root.db') ? file.replace('root.db', 'audit-root.db') : join('audit', file),
      ),
    );
  const one = await worked('here', before.notes);
  assert.deepEqual([one.state, nameOf(one)], ['ok', nameOf(before)]);
  const other = await worked('there', before.notes);
  assert.equal(other.state, 'ok', 'each is consistent with what was before');
  assert.equal((await worked('there', one.notes)).state, 'tampered');
  assert.equal((await worked('here', other.notes)).state, 'tampered');
});

test('an export that was interrupted after the log was given up goes on with that copy, and with no other', async () => {
  await worked('here');
  const taken = await taking(true);
  assert.deepEqual(await taking(true), taken);
  const begunAnew = await worked('here');
  assert.deepEqual(await taking(true), taken);
  assert.equal(
    (await worked('here', begunAnew.notes)).state,
    'ok',
    'the one that was begun here is left alone',
  );
});

test('a log that is open does not move, and a file that was changed is not brought in', async () => {
  assert.equal(await taking(false), undefined, 'there is none yet');
  await worked('here');
  await assert.rejects(taking(true, false), { code: 'usage' });
  const taken = await taking(false);
  writeFileSync(join(out(), 'log', 'root.db'), 'another');
  await assert.rejects(checkLog(out(), { log: taken! }), { code: 'export_invalid' });
});
