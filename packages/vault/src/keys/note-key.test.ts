import assert from 'node:assert/strict';
import { createPublicKey, type KeyObject } from 'node:crypto';
import { test } from 'vitest';
import { memoryTables } from '../store/memory/tables.ts';
import { receiptFor } from './fixtures/receipt-for.ts';
import { keysOf } from './administration.ts';
import { openNoteKey } from './note-key.ts';
import { stageOn } from './shred/fixtures/stage.ts';
import { openSigningKey } from './shred/signing-key.ts';

const now = Date.now;
const pem = (key: KeyObject) => createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString();

test('all processes sign checkpoints with one key, also after its data key was rotated, and receipts with another', async () => {
  const tables = memoryTables({ now });
  const stage = stageOn(tables);
  const sealer = await stage.open();
  const parts = { tables, sealer, now };
  const [one, other] = await Promise.all([openNoteKey(parts), openNoteKey(parts)]);
  assert.equal(pem(one), pem(other));
  assert.equal(one.asymmetricKeyType, 'ed25519');
  assert.notEqual((await openSigningKey(parts)).publicKey, pem(one));
  const sealed = async () => (await tables.get('deployment', { name: 'audit_note_key' }))!.item['key'];
  const before = await sealed();
  const receipt = await receiptFor('key.rotate', keysOf('_system'));
  await sealer.administration.work(receipt, { kind: 'data-keys', tenant: '_system' });
  assert.notEqual(await sealed(), before);
  await sealer.close();
  const again = await stage.open();
  assert.equal(pem(await openNoteKey({ ...parts, sealer: again })), pem(one));
  await again.close();
});
