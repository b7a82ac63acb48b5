import assert from 'node:assert/strict';
import { test } from 'vitest';
import { parseRecord } from '../seal/record.ts';
import { toText } from '../seal/text-form.ts';
import { memoryTables } from '../store/memory/tables.ts';
import { keySubjects } from './key-subjects.ts';
import { placeOf, stageOn } from './shred/fixtures/stage.ts';

test('whose a key is can be found as long as the key is there', async () => {
  const tables = memoryTables({ now: Date.now });
  const stage = stageOn(tables);
  const sealer = await stage.open();
  const idFor = async (tenant: string, subject: string) => {
    const sealed = await sealer.seal('audit_person', placeOf(tenant, subject), Buffer.from('x'));
    return toText(parseRecord(sealed).dataKeyId);
  };
  const ann = await idFor('g1', 'ann');
  const subjects = keySubjects(tables, 'audit_person');
  assert.equal(await subjects.of('g1', ann), 'ann');
  const odd = await idFor('g1', 'b#b/ü');
  assert.equal(await subjects.of('g1', odd), 'b#b/ü', 'made since the rows were read');
  assert.equal(await subjects.of('g2', ann), undefined);
  assert.equal(await subjects.of('g1', 'active'), undefined);
  const token = await sealer.seal('token', placeOf('g1', 'ann'), Buffer.from('x'));
  assert.equal(await subjects.of('g1', toText(parseRecord(token).dataKeyId)), undefined, 'another kind');
  await stage.shredPerson(sealer, { subject: 'ann', tenants: [], places: ['g1'] });
  assert.equal(await keySubjects(tables, 'audit_person').of('g1', ann), undefined);
  await sealer.close();
});
