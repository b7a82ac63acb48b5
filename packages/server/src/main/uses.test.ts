import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { copyJournal, objectOf, openGate, type Gate } from '@sealgate/vault';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { initConfig } from '../config.ts';
import { openLog } from '../log.ts';
import { openGround, type Ground } from './ground.ts';

let directory: string;
let lines: string[];
let ground: Ground;
let gate: Gate;
beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'sealgate-uses-'));
  lines = [];
  await open();
  await setCredential();
});
afterEach(async () => {
  await ground.close();
  rmSync(directory, { recursive: true });
});

const file = () => join(directory, 'journal.db');
const sealed = ['audit', 'audit-root.db'];
const dropJournal = () => {
  for (const side of ['', '-wal', '-shm']) rmSync(`${file()}${side}`, { force: true });
};

async function open() {
  const log = openLog('info', { write: (line: string) => void lines.push(line) });
  ground = await openGround(initConfig({ env: { DATA_DIR: directory }, cwd: directory }), log, Date.now);
  const { connections, audit } = ground;
  gate = openGate({ connections, audit, carry: () => Promise.reject(new Error('not sent')), now: Date.now });
}

const context = () => ({
  tenant: ground.administrator.tenant,
  actor: { type: 'system', id: 'test' } as const,
  source: 'system' as const,
  correlation: 'r1',
});
const connectionId = () => ground.connections.idOf('shop', '', 'default');
const object = () => objectOf(ground.administrator.tenant, connectionId());

async function setCredential() {
  const act = { act: 'connection.set', object: object() } as const;
  const receipt = await ground.audit.record('strict', context(), act);
  const wanted = {
    tenant: ground.administrator.tenant,
    subject: '',
    upstream: 'shop',
    name: 'default',
    placement: { in: 'header', name: 'x-api-key', scheme: 'plain' },
    origin: 'https://shop.example',
  } as const;
  await ground.connections.set(receipt, wanted, Buffer.from('secret-of-the-shop'));
}

const use = () =>
  gate.use(
    { context: context(), subject: '', upstream: 'shop', required: true, act: 'tool.call', request: {} },
    async () => ({ out: 'success' }),
  );

async function gaps() {
  const { entries } = await ground.journal.page({ order: 'oldest', limit: 1000 });
  return entries.filter(({ act }) => act === 'audit.gap').length;
}

test('uses that are in the journal are counted and raise nothing, across a restart', async () => {
  for (let i = 0; i < 3; i += 1) await use();
  assert.deepEqual(await ground.uses.check(), { uses: 3, lacking: [] });
  await ground.close();
  await open();
  await use();
  assert.deepEqual(await ground.uses.check(), { uses: 4, lacking: [] });
  assert.equal(await gaps(), 0);
});

test('an older journal put back with an older log has fewer uses than were counted: it is told once, and stands in the log', async () => {
  await use();
  await ground.close();
  await copyJournal(file(), `${file()}.earlier`);
  for (const name of sealed)
    cpSync(join(directory, name), join(directory, 'earlier', name), { recursive: true });
  await open();
  for (let i = 0; i < 3; i += 1) await use();
  await ground.close();
  dropJournal();
  await copyJournal(`${file()}.earlier`, file());
  for (const name of sealed) {
    rmSync(join(directory, name), { recursive: true });
    cpSync(join(directory, 'earlier', name), join(directory, name), { recursive: true });
  }
  await open();
  assert.equal((await ground.journal.verify()).state, 'intact', 'the chain alone does not show it');
  const lacking = [{ object: object(), counted: 4, logged: 1 }];
  assert.deepEqual(await ground.uses.check(), { uses: 4, lacking });
  await ground.uses.check();
  await expect.poll(gaps, { timeout: 10_000 }).toBeGreaterThan(0);
  assert.equal(lines.filter((line) => line.includes('more often than the audit log says')).length, 1);
  assert.ok(ground.befallen().gaps > 0);
});

test('an older journal put back beside the log that was sealed from it lacks no use: the log has them', async () => {
  await use();
  await ground.close();
  await copyJournal(file(), `${file()}.earlier`);
  await open();
  for (let i = 0; i < 3; i += 1) await use();
  await ground.close();
  dropJournal();
  await copyJournal(`${file()}.earlier`, file());
  await open();
  await use();
  assert.deepEqual(await ground.uses.check(), { uses: 5, lacking: [] });
});

test('an attempt whose credential was not opened is no use, and hides none of another credential', async () => {
  await use();
  await ground.connections.remove(
    await ground.audit.record('strict', context(), { act: 'connection.remove', object: object() }),
    ground.administrator.tenant,
    connectionId(),
  );
  await assert.rejects(use(), { code: 'credential_missing' });
  assert.deepEqual(await ground.uses.check(), { uses: 1, lacking: [] });
});

test('a batch that is taken out of the middle is told by the chain', async () => {
  for (let i = 0; i < 4; i += 1) await use();
  const other = new DatabaseSync(file());
  other.exec('DELETE FROM batches WHERE n = 3');
  other.close();
  const verdict = await ground.journal.verify();
  assert.deepEqual(verdict, { state: 'broken', at: 3, reason: 'gap' });
});

test('a journal that was sealed and is gone is told, with its writer', async () => {
  await use();
  assert.equal(await ground.auditLog.catchUp(), undefined);
  const { writer } = ground.journal.health();
  await ground.close();
  dropJournal();
  await open();
  await use();
  assert.equal(await ground.auditLog.catchUp(), undefined);
  const said = lines.filter((line) => line.includes('a journal that was sealed is not here any more'));
  assert.equal(said.length, 1);
  assert.ok(said[0]!.includes(writer));
  await expect.poll(gaps, { timeout: 10_000 }).toBe(1);
});
