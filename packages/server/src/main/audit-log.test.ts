import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  copyJournal,
  envKey,
  memoryTables,
  openAudit,
  openJournal,
  openSealer,
  type Audit,
  type Journal,
  type OpenedSealer,
  type Tables,
} from '@sealgate/vault';
import { folderSource, verifyLog } from '@sealgate/vault/audit-verify';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openLog } from '../main.ts';
import { openAuditNotes } from './audit-notes.ts';
import { openAuditLog, type AuditLog } from './audit-log.ts';

const now = Date.now;
let tables: Tables;
let dataDirectory: string;
let sealer: OpenedSealer;
let journal: Journal;
let audit: Audit;
let lines: string[];
let auditLog: AuditLog;

beforeEach(async () => {
  dataDirectory = mkdtempSync(join(tmpdir(), 'audit-log-'));
  tables = memoryTables({ now });
  sealer = await openSealer({ tables, provider: envKey(randomBytes(32).toString('hex')), now });
  lines = [];
  await open();
});
afterEach(async () => {
  await close();
  await sealer.close();
  rmSync(dataDirectory, { recursive: true });
});

async function open(): Promise<void> {
  journal = await openJournal({ path: join(dataDirectory, 'journal.db'), sealer, now });
  audit = openAudit({ journal });
  const log = openLog('info', { write: (line) => void lines.push(line) });
  const database = { type: 'sqlite' } as const;
  auditLog = openAuditLog({ dataDirectory, database, tables, sealer, journal, log, now });
}

async function close(): Promise<void> {
  await auditLog.close();
  await journal.close();
}

async function act(): Promise<void> {
  const actor = { type: 'client', id: 'c1' } as const;
  const context = { tenant: 'group-1', actor, source: 'mcp', correlation: 'r1' } as const;
  const { entry } = await audit.record('strict', context, { act: 'tool.call', object: 'upstreams' });
  audit.outcome(entry, context, { out: 'success' });
}

async function verified() {
  const log = await auditLog.log();
  const directory = join(dataDirectory, `taken-${randomBytes(4).toString('hex')}`);
  await log.write(directory);
  return verifyLog(folderSource(directory), { vkeys: log.vkeys });
}

test('a log that cannot be sealed fails no call; it is told once, counted, and sealed later', async () => {
  const inTheWay = join(dataDirectory, 'audit-root.db');
  writeFileSync(
    inTheWay,
    'this is no database, and it is longer than the header of one would be '.repeat(20),
  );
  await act();
  expect(await auditLog.catchUp()).toMatchObject({ code: 'store_unavailable' });
  expect(await auditLog.catchUp()).toMatchObject({ code: 'store_unavailable' });
  await expect(auditLog.log()).rejects.toMatchObject({ code: 'store_unavailable' });
  await act();
  expect(auditLog.health()).toEqual({ failing: true, failures: 2, sealed: 0, backlog: 0 });
  expect(lines.filter((line) => line.includes('store_unavailable'))).toHaveLength(1);
  rmSync(inTheWay);
  await expect.poll(() => journal.health().waiting).toBe(0);
  expect(await auditLog.catchUp()).toBeUndefined();
  expect(auditLog.health()).toEqual({ failing: false, failures: 2, sealed: 4, backlog: 0 });
  expect(lines.at(-1)).toContain('sealed again');
  expect(await verified()).toMatchObject({ state: 'ok', entries: 5 });
});

test('what was recorded last is sealed when it closes, and a look alone makes no file', async () => {
  await close();
  expect(() => rmSync(join(dataDirectory, 'audit-root.db'))).toThrow('ENOENT');
  await open();
  await act();
  await close();
  await open();
  expect((await auditLog.log()).vkeys).toHaveLength(1);
  expect(await verified()).toMatchObject({ state: 'ok', entries: 3 });
});

test('a log that is begun anew is not called like the one before: the two cannot contradict each other', async () => {
  await act();
  await close();
  await open();
  const before = await (await auditLog.log()).source().read('root/checkpoint');
  await close();
  for (const name of ['audit', 'audit-root.db']) rmSync(join(dataDirectory, name), { recursive: true });
  await open();
  expect(await auditLog.catchUp()).toBeUndefined();
  const after = await (await auditLog.log()).source().read('root/checkpoint');
  const [one, other] = [before, after].map((note) => Buffer.from(note!).toString().split('\n')[0]);
  expect(one).toMatch(/\/audit\/root$/);
  expect(one).not.toBe(other);
  expect(await verified()).toMatchObject({ state: 'ok', entries: 3 });
});

test('a gap is told once, and stands in the journal', async () => {
  const file = join(dataDirectory, 'journal.db');
  await act();
  await close();
  await copyJournal(file, `${file}.earlier`);
  await open();
  await act();
  await close();
  rmSync(file);
  await copyJournal(`${file}.earlier`, file);
  await open();
  // Told before anybody listens, as at a start.
  expect(await auditLog.catchUp()).toBeUndefined();
  const notes = openAuditNotes({ failed: (refusal) => expect.unreachable(refusal.message), now });
  auditLog.start(notes.gap);
  notes.start({ audit, tenant: 'group-1' });
  expect(await auditLog.catchUp()).toBeUndefined();
  const gaps = async () => {
    const { entries } = await journal.page({ order: 'oldest', limit: 20 });
    const gap = entries.find(({ act: verb }) => verb === 'audit.gap');
    return [entries.length, gap?.obj, entries.find(({ cause }) => cause === gap?.id)?.code];
  };
  await expect.poll(gaps).toEqual([4, 'log:*', 'journal_broken']);
  expect(lines.filter((line) => line.includes('lacks entries'))).toHaveLength(1);
  expect(await auditLog.catchUp()).toBeUndefined();
  expect(await verified()).toMatchObject({ state: 'ok', entries: 7 });
});
