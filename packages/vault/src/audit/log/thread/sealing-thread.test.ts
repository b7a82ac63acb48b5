import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'vitest';
import { envKey } from '../../../keys/env-key.ts';
import { openNoteKey } from '../../../keys/note-key.ts';
import { openSealer, type OpenedSealer } from '../../../keys/open-sealer.ts';
import type { KeyProvider } from '../../../keys/provider.ts';
import type { Receipt } from '../../../receipt.ts';
import { refuse, Refusal } from '../../../refusal.ts';
import { memoryBus } from '../../../store/memory/bus.ts';
import { memoryTables } from '../../../store/memory/tables.ts';
import type { Bus } from '../../../store/bus.ts';
import type { Tables } from '../../../store/tables.ts';
import { openJournal, type Journal } from '../../journal.ts';
import { openAudit } from '../../record.ts';
import { openSealedLog, type SealedLog } from '../sealed-log.ts';
import type { Segments } from '../segments.ts';
import { sqliteSegments } from '../sqlite/segments.ts';
import { openSealingThread, type SealingThread } from './sealing-thread.ts';

const now = Date.now;
const correlation = '01932b6e-7a55-7cc3-98c4-dc0c0c073990';

let stage: {
  readonly folder: string;
  readonly tables: Tables;
  readonly root: KeyProvider;
  readonly sealer: OpenedSealer;
  readonly news: Bus;
  readonly journal: Journal;
  readonly segments: Segments;
  readonly log: SealedLog;
  readonly told: Refusal[];
  /** Set by a test: what unwrapping refuses with. */
  refusal: Refusal | undefined;
  thread: SealingThread;
  begin(): SealingThread;
  act(count?: number): Promise<void>;
  permit(act: 'key.disable' | 'key.enable'): Promise<Receipt>;
};

beforeEach(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sealgate-thread-'));
  const root = envKey(randomBytes(32).toString('hex'));
  const tables = memoryTables({ now });
  const news = memoryBus();
  const sealer = await openSealer({ tables, provider: root, now });
  await sealer.follow(news, (error) => assert.fail(String(error)));
  const journalFile = join(folder, 'journal.db');
  const journal = await openJournal({ path: journalFile, sealer, now });
  const audit = openAudit({ journal });
  const files = { directory: join(folder, 'audit'), rootFile: join(folder, 'audit-root.db') };
  const segments = sqliteSegments(files);
  const noteKey = await openNoteKey({ tables, sealer, now });
  const told: Refusal[] = [];
  const begin = (): SealingThread => {
    const unwrap: KeyProvider['unwrap'] = (request) =>
      stage.refusal === undefined ? root.unwrap(request) : Promise.reject(stage.refusal);
    const stores = { tables, providers: [{ ...root, unwrap }], news };
    const failed = (refusal: Refusal) => void told.push(refusal);
    return openSealingThread({ ...files, journal: journalFile, name: sealer.deployment, failed }, stores);
  };
  const quiet = <V>(work: () => Promise<V>) => stage.thread.quiet(work);
  const log = await openSealedLog({ journal: journalFile, sealer, segments, noteKey, now, quiet });
  const act = async (count = 1): Promise<void> => {
    const context = {
      tenant: 'group-1',
      actor: { type: 'person', id: 'ann' },
      source: 'mcp',
      correlation,
    } as const;
    for (let n = 0; n < count; n += 1) {
      const fields = { act: 'connection.set', object: 'connection:shop#ann#x', service: 'shop' } as const;
      await audit.record('strict', context, fields);
    }
  };
  const permit = async (of: 'key.disable' | 'key.enable'): Promise<Receipt> => {
    const context = {
      tenant: '_system',
      actor: { type: 'system', id: 'test' },
      source: 'cli',
      correlation,
    } as const;
    const fields = { act: of, object: 'keys:group-1' };
    return audit.record('strict', context, fields);
  };
  stage = {
    folder,
    tables,
    root,
    sealer,
    news,
    journal,
    segments,
    log,
    told,
    begin,
    act,
    permit,
    refusal: undefined,
    thread: begin(),
  };
});

afterEach(async () => {
  await stage.thread.close();
  await stage.log.close();
  await stage.segments.close();
  await stage.journal.close();
  await stage.sealer.close();
  await stage.news.close();
  await rm(stage.folder, { recursive: true });
});

test('what another thread seals is read here, proven and opened', async () => {
  await stage.act(300);
  assert.equal(await stage.thread.run(), 300);
  assert.equal(await stage.thread.run(), 0);
  const files = await stage.log.published({ scope: 'group-1' });
  let bodies = 0;
  for await (const file of files.files()) bodies += file.bodies;
  assert.equal(bodies, 300);
});

test('a refusal there is the same refusal here, and it is tried again', async () => {
  await stage.act();
  stage.refusal = refuse('key_unavailable', 'the root key cannot be asked', 'by this test');
  await assert.rejects(stage.thread.run(), (error: unknown) => {
    assert.ok(error instanceof Refusal);
    return error.code === 'key_unavailable' && error.detail?.includes('by this test') === true;
  });
  stage.refusal = undefined;
  assert.equal(await stage.thread.run(), 1);
});

test('nothing is sealed while it must be quiet, and all of it afterwards', async () => {
  await stage.act();
  let running: Promise<number> | undefined;
  const periods = await stage.thread.quiet(async () => {
    running = stage.thread.run();
    await new Promise((resolve) => setTimeout(resolve, 100));
    return stage.segments.periods();
  });
  assert.deepEqual(periods, []);
  assert.equal(await running, 1);
});

test('keys that are revoked here are dropped there', async () => {
  await stage.act();
  await stage.thread.run();
  await stage.sealer.administration.disable(await stage.permit('key.disable'), 'group-1');
  await stage.act();
  await stage.thread.run();
  const [month] = await stage.segments.periods();
  const period = await stage.segments.period(month!);
  assert.deepEqual(await period.heldScopes(), ['group-1'], 'the entry waits for the keys');
  await stage.sealer.administration.enable(await stage.permit('key.enable'), 'group-1');
  await stage.thread.run();
  assert.deepEqual(await period.heldScopes(), []);
});

test('a thread that has ended says so, and another one goes on', async () => {
  await stage.act();
  await stage.thread.close();
  assert.equal(stage.thread.dead, true);
  await assert.rejects(stage.thread.run(), { code: 'audit_unavailable' });
  stage.thread = stage.begin();
  assert.equal(await stage.thread.run(), 1);
});
