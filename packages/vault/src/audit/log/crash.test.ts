import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'vitest';
import { folderSource } from '../../audit-verify/folder-source.ts';
import { verifyLog } from '../../audit-verify/verify-log.ts';
import { oneKeySealer } from '../../testing/one-key-sealer.ts';
import { killedAtRandom } from '../fixtures/killed-at-random.ts';
import { openJournal } from '../journal.ts';
import { isEventLeaf } from '../leaf/entry-of.ts';
import { readFolder } from './fixtures/read-folder.ts';
import { openSealedLog } from './sealed-log.ts';
import { sqliteSegments } from './sqlite/segments.ts';

const child = new URL('./sealed-log.test.child.ts', import.meta.url).pathname;

// Most of the time goes into starting processes.
test(
  'after 100 kills at random moments every acknowledged entry is sealed once, and no published checkpoint is contradicted',
  { timeout: 300_000 },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sealgate-log-crash-'));
    const [journalFile, directory, rootFile, out] = ['journal.db', 'audit', 'audit-root.db', 'out'].map(
      (name) => join(folder, name),
    ) as [string, string, string, string];
    const key = randomBytes(32);
    const noteKey = generateKeyPairSync('ed25519').privateKey.export({ format: 'der', type: 'pkcs8' });
    const given = [journalFile, directory, rootFile, key.toString('hex'), noteKey.toString('hex')];
    const told: string[] = [];
    for (let round = 0; round < 100; round += 1) told.push(...(await killedAtRandom(child, given)));
    assert.deepEqual(
      told.filter((line) => line.startsWith('failed')),
      [],
    );

    const sealer = oneKeySealer(key);
    const journal = await openJournal({ path: journalFile, sealer, now: () => 0 });
    const segments = sqliteSegments({ directory, rootFile });
    const privateKey = createPrivateKey({ key: noteKey, format: 'der', type: 'pkcs8' });
    const log = await openSealedLog({
      journal: journalFile,
      sealer,
      segments,
      noteKey: privateKey,
      now: () => 0,
    });
    await log.run();
    await log.write(out);
    const notes = told.filter((line) => line.startsWith('root ')).map((line) => line.slice(5));
    const remembered = [...new Set(notes)].map((note) => Buffer.from(note, 'base64url').toString());
    const verdict = await verifyLog(folderSource(out), { vkeys: log.vkeys, remembered });
    assert.deepEqual([verdict.state, verdict.findings], ['ok', []]);

    const leaves = [...readFolder(out)]
      .filter(([path]) => path !== 'root')
      .flatMap(([, each]) => each.leaves);
    const events = leaves.filter(isEventLeaf).map((leaf) => JSON.parse(leaf) as { id: string; n: number });
    const counted = await journal.verify();
    assert.ok(counted.state === 'intact', JSON.stringify(counted));
    assert.equal(counted.entries, events.length, 'as many as in the journal');
    assert.ok(counted.trimmed > 0 && counted.trimmed <= counted.entries);
    assert.equal(new Set(events.map(({ n }) => n)).size, events.length, 'none twice');
    const sealed = new Set(events.map(({ id }) => id));
    const acknowledged = told.filter((line) => line.startsWith('entry ')).map((line) => line.slice(6));
    assert.ok(acknowledged.length > 300, `${acknowledged.length} acknowledged`);
    assert.deepEqual(
      acknowledged.filter((id) => !sealed.has(id)),
      [],
    );
    assert.ok((await segments.periods()).length > 1, 'months went by');
    assert.ok(remembered.length > 20, `${remembered.length} checkpoints`);
    await log.close();
    await segments.close();
    await journal.close();
    await rm(folder, { recursive: true });
    console.log(
      `crash: ${acknowledged.length} acknowledged, ${remembered.length} checkpoints, ${verdict.logs} logs`,
    );
  },
);
