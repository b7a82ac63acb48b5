import assert from 'node:assert/strict';
import { test } from 'vitest';
import { openTlogProof } from '../../tlog/tlog-proof.ts';
import { logStage } from './fixtures/stage.ts';

test('an entry is proven to whoever knows the key, and nothing else passes for it', async () => {
  const stage = await logStage();
  try {
    await stage.act({}, 300);
    await stage.log.run();
    await stage.act({ tenant: 'group-2' });
    const { entries } = await stage.journal.page({ order: 'newest', limit: 10, tenant: 'group-2' });
    const { id } = entries[0]!;
    assert.equal(await stage.log.prove(undefined, id), undefined, 'it is not sealed yet');
    await stage.log.run();
    const { entries: all } = await stage.journal.page({ order: 'oldest', limit: 400, tenant: 'group-1' });
    for (const [tenant, entry] of [
      ['group-2', id],
      ['group-1', all[0]!.id],
      [undefined, all[257]!.id],
    ] as const) {
      const proven = await stage.log.prove(tenant, entry);
      const { origin, index, leaf, proof } = proven!;
      assert.equal((JSON.parse(leaf) as { id: string }).id, entry);
      const trusted = { origin, vkeys: stage.log.vkeys };
      assert.equal(openTlogProof(proof, Buffer.from(leaf), trusted).index, index);
      const changed = leaf.replace('"v":1', '"v":2');
      assert.throws(() => openTlogProof(proof, Buffer.from(changed), trusted), { code: 'log_invalid' });
    }
    assert.equal(await stage.log.prove('group-1', id), undefined, 'it is another tenant’s');
    assert.equal(await stage.log.prove(undefined, 'no-id'), undefined);
  } finally {
    await stage.close();
  }
});
