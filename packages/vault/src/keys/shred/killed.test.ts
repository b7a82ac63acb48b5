import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { sqliteTables } from '../../store/sqlite/tables.ts';
import { envKey } from '../env-key.ts';
import { placeOf, stageOn } from './fixtures/stage.ts';
import { verifyReceipt } from './shredding-receipt.ts';

const people = 60;

/** A process of its own that shreds the tenant and says when it begins. */
function shredder(file: string, root: string) {
  const url = (path: string): string => JSON.stringify(new URL(path, import.meta.url).href);
  const source = `
    import { sqliteTables } from ${url('../../store/sqlite/tables.ts')};
    import { envKey } from ${url('../env-key.ts')};
    import { stageOn } from ${url('./fixtures/stage.ts')};
    const tables = sqliteTables({ file: ${JSON.stringify(file)}, now: Date.now, networkMount: false });
    const stage = stageOn(tables, envKey(${JSON.stringify(root)}));
    const sealer = await stage.open();
    console.log('begins');
    await stage.shredTenant(sealer, 'g1');`;
  return spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

test('a process that is killed at any moment leaves nothing that the next one does not finish', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'killed-'));
  const root = randomBytes(32).toString('hex');
  let begun = 0;
  for (const afterMs of [0, 4, 12, 25, 60, 150, 400]) {
    // The later ones are for a machine on which nothing had begun before.
    if (afterMs > 25 && begun > 0) break;
    const file = join(directory, `${afterMs}.db`);
    const tables = sqliteTables({ file, now: Date.now, networkMount: false });
    const stage = stageOn(tables, envKey(root));
    const sealer = await stage.open();
    const opening = async (subject: string) => {
      const sealed = await sealer.seal('token', placeOf('g1', subject), Buffer.from('x'));
      return { place: placeOf('g1', subject), sealed };
    };
    const things = await Promise.all(Array.from({ length: people }, (_, n) => opening(`u${n}`)));
    const child = shredder(file, root);
    const ended = once(child, 'exit');
    await once(child.stdout, 'data');
    await sleep(afterMs);
    child.kill('SIGKILL');
    await ended;
    const job = await sealer.administration.shredding({ kind: 'tenant', id: 'g1' });
    begun += job === undefined ? 0 : 1;
    const signed = await stage.shredTenant(sealer, 'g1');
    expect(verifyReceipt(JSON.stringify(signed)).genuine).toBe(true);
    const { tenantKeys, dataKeys, listed } = signed.receipt.keys;
    expect([tenantKeys, dataKeys, new Set(listed.map(({ name }) => name)).size]).toEqual([
      1,
      people,
      people + 1,
    ]);
    for (const { place, sealed } of things)
      await expect(sealer.open('token', place, sealed)).rejects.toMatchObject({ code: 'key_shredded' });
    await sealer.close();
    await tables.close();
  }
  expect(begun).toBeGreaterThan(0);
  rmSync(directory, { recursive: true });
});
