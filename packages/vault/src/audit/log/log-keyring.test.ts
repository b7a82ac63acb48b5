import assert from 'node:assert/strict';
import { test } from 'vitest';
import { stageOn } from '../../keys/shred/fixtures/stage.ts';
import { memoryTables } from '../../store/memory/tables.ts';
import { logKeyring } from './log-keyring.ts';
import type { LogSecrets } from './segments.ts';

function memorySecrets(): LogSecrets & { readonly kept: Map<string, Uint8Array> } {
  const kept = new Map<string, Uint8Array>();
  return {
    kept,
    get: async (scope) => kept.get(scope),
    add: async (scope, sealed) => void (kept.has(scope) || kept.set(scope, sealed)),
    remove: async (scope) => void kept.delete(scope),
  };
}

test('a tenant’s log has one secret, in every process, until the tenant’s keys are destroyed', async () => {
  let nowMs = 0;
  const now = () => nowMs;
  const stage = stageOn(memoryTables({ now: Date.now }));
  const sealer = await stage.open();
  const secrets = memorySecrets();
  const [one, other] = [logKeyring(sealer, secrets, now), logKeyring(sealer, secrets, now)];
  assert.equal(await one.find('g1'), undefined);
  const [mine, theirs] = await Promise.all([one.of('g1'), other.of('g1')]);
  assert.equal(mine!.id, theirs!.id);
  assert.deepEqual(mine!.saltOf('x'), theirs!.saltOf('x'));
  assert.notEqual((await one.of('g2'))!.id, mine!.id);
  assert.equal((await one.find('g1'))!.id, mine!.id);

  await assert.rejects(
    logKeyring(sealer, { ...secrets, get: async () => secrets.kept.get('g1') }, now).of('g3'),
    { code: 'open_failed' },
    'a secret in another tenant’s row does not open',
  );

  await stage.shredTenant(sealer, 'g1');
  nowMs += 300_000;
  assert.equal(await one.of('g1'), undefined);
  assert.equal(secrets.kept.has('g1'), false, 'the row is gone');
  assert.equal(await one.of('g1'), undefined, 'and none is minted again');
  assert.equal(secrets.kept.has('g1'), false);
  await sealer.close();
});
