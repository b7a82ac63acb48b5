import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { newestCalls } from '@sealgate/vault';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { initConfig } from '../config.ts';
import { openMetrics } from '../telemetry/metrics.ts';
import { openLog } from '../log.ts';
import { openGround, type Ground } from './ground.ts';
import { openRoutes } from './routes.ts';

// A device is tried again after a second.
const slowly = { timeout: 20_000 };
let directory: string;
let lines: string[];
let ground: Ground;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sealgate-two-devices-'));
  lines = [];
});
afterEach(async () => {
  await ground.close();
  rmSync(directory, { recursive: true });
});

const second = () => join(directory, 'second.jsonl');

async function open(env: Readonly<Record<string, string>> = { AUDIT_LOG_SECOND_FILE: 'second.jsonl' }) {
  const config = initConfig({ env: { DATA_DIR: 'data', ...env }, cwd: directory });
  const log = openLog('info', { write: (line: string) => void lines.push(line) });
  ground = await openGround(config, log, Date.now);
  await expect
    .poll(() => ground.journal.health().devices.every(({ state }) => state === 'ok'), slowly)
    .toBe(true);
  return config;
}

const attempt = () =>
  ground.audit.record(
    'strict',
    {
      tenant: ground.administrator.tenant,
      actor: { type: 'system', id: 'gateway' },
      source: 'system',
      correlation: 'r1',
    },
    { act: 'gateway.start', object: 'gateway' },
  );

async function noted(): Promise<readonly (readonly [string, string | undefined])[]> {
  const found: (readonly [string, string | undefined])[] = [];
  for await (const calls of newestCalls(ground.journal, { act: 'audit.device' }))
    for (const {
      attempt: { obj },
      outcome,
    } of calls)
      found.push([obj!, outcome?.out]);
  return found.toReversed();
}

test('a journal that cannot be written is told of in health, metrics, log and journal, and so is its return', async () => {
  const config = await open();
  const metrics = openMetrics();
  const quiet = { counts: () => ({}) } as never;
  const { health } = openRoutes(
    { ground, gate: { resting: () => 0 } as never, protocol: quiet, config },
    metrics,
  );
  const journal = async () => (await health()).facts['audit'] as { readonly journal: string };
  const { well } = await health();
  assert.deepEqual([well, (await journal()).journal], [true, 'ok']);
  const other = new DatabaseSync(join(directory, 'data', 'journal.db'));
  other.exec('BEGIN IMMEDIATE');
  await attempt();
  assert.deepEqual([(await health()).well, (await journal()).journal], [true, 'degraded']);
  other.exec('ROLLBACK');
  other.close();
  await expect.poll(async () => (await journal()).journal, slowly).toBe('ok');
  await expect.poll(noted, slowly).toEqual([
    ['device:journal', 'failure'],
    ['device:journal', 'success'],
  ]);
  assert.equal(lines.filter((line) => line.includes('a device of the audit journal failed')).length, 1);
  assert.equal(lines.filter((line) => line.includes('a device of the audit journal is back')).length, 1);
  await metrics.close();
});

test('a journal that was lost is made again of the second file, and what was in it is read as before', async () => {
  await open();
  const { entry } = await attempt();
  await ground.close();
  for (const side of ['', '-wal', '-shm'])
    rmSync(join(directory, 'data', `journal.db${side}`), { force: true });
  await open();
  const found: string[] = [];
  for await (const calls of newestCalls(ground.journal, { act: 'gateway.start' }))
    for (const call of calls) found.push(call.attempt.id);
  assert.ok(found.includes(entry));
  assert.equal((await ground.journal.verify()).state, 'intact');
});

test('nothing that is said in an entry stands in the second file', async () => {
  await open();
  await attempt();
  const text = readFileSync(second(), 'utf8');
  for (const said of ['gateway.start', ground.administrator.tenant]) assert.equal(text.includes(said), false);
});
