import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'vitest';
import { envKey } from '../../keys/env-key.ts';
import { receiptFor } from '../../keys/fixtures/receipt-for.ts';
import { openSealer } from '../../keys/open-sealer.ts';
import { memoryTables } from '../../store/memory/tables.ts';
import { onArchiveStage, type ArchiveStage } from './fixtures/archive-stage.ts';
import { heldObject, openHolds } from './holds.ts';

const dayMs = 24 * 3600_000;

async function archivable(stage: ArchiveStage): Promise<void> {
  await stage.act('calls', 'tool.call', 2);
  await stage.act('Owner/1', 'tool.call', 2);
  await stage.log.run();
  stage.clock.nowMs = Date.UTC(2026, 11, 2);
  await stage.act('calls', 'tool.call', 1);
  await stage.log.run();
  stage.clock.nowMs = Date.UTC(2026, 10, 20) + 90 * dayMs;
}

const put = async (tenant: string) => receiptFor('audit.hold', heldObject(tenant));
const lift = async (tenant: string) => receiptFor('audit.release', heldObject(tenant));

test('what is held is neither dropped nor does it expire, and goes on its way when the hold is lifted', async () => {
  for (const tenant of ['Owner/1', '*'])
    await onArchiveStage(async (stage) => {
      await archivable(stage);
      const holds = openHolds({ ...stage, now: () => stage.clock.nowMs });
      const archive = stage.archiving(undefined, { held: holds.held });
      assert.equal(await holds.add(await put(tenant), tenant), true);
      assert.equal(await holds.add(await put(tenant), tenant), false);
      assert.deepEqual(await archive.run(), { archived: [], expired: [] });
      assert.equal(await holds.remove(await lift(tenant), tenant), true);
      assert.deepEqual((await archive.run()).archived, ['202611']);

      await holds.add(await put(tenant), tenant);
      stage.clock.nowMs = Date.UTC(2040, 0, 1);
      const gone = (await archive.run()).expired.map((origin) => origin.split('/').at(-2));
      assert.deepEqual(
        gone.toSorted((a, b) => String(a).localeCompare(String(b))),
        tenant === '*' ? [] : ['_system', 'calls'],
      );
      await holds.remove(await lift(tenant), tenant);
      assert.equal((await archive.run()).expired.length, tenant === '*' ? 3 : 1);
      assert.equal(await holds.remove(await lift(tenant), tenant), false);
    });
});

test('a hold refuses by name, and takes the receipt of its own entry', async () => {
  await onArchiveStage(async (stage) => {
    const holds = openHolds({ ...stage, now: () => stage.clock.nowMs });
    await holds.refuseHeld(['calls']);
    await holds.add(await put('calls'), 'calls');
    await assert.rejects(holds.refuseHeld(['others', 'calls']), { code: 'log_held' });
    await holds.refuseHeld(['others']);
    await assert.rejects(async () => holds.remove(await put('calls'), 'calls'), { code: 'receipt_invalid' });
    await assert.rejects(async () => holds.add(await put('calls'), '*'), { code: 'receipt_invalid' });
    assert.deepEqual(await holds.list(), [{ tenant: 'calls', sinceMs: stage.clock.nowMs }]);
  });
});

test('holds lie sealed, and those that are put on at once are all there', async () => {
  const now = () => 1_800_000_000_000;
  const tables = memoryTables({ now });
  const sealer = await openSealer({ tables, provider: envKey(randomBytes(32).toString('hex')), now });
  const holds = openHolds({ tables, sealer, now });
  const names = Array.from({ length: 5 }, (_, at) => `held-tenant-${at}`);
  await Promise.all(names.map(async (name) => holds.add(await put(name), name)));
  assert.deepEqual((await holds.list()).map(({ tenant }) => tenant).toSorted(), names);
  const row = JSON.stringify((await tables.get('deployment', { name: 'audit_holds' }))?.item);
  assert.ok(!row.includes('held-tenant'));
  assert.ok(!Buffer.from((JSON.parse(row) as { holds: string }).holds, 'base64url').includes('held-tenant'));
  await sealer.close();
});
