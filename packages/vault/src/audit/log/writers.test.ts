import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'vitest';
import { folderSource } from '../../audit-verify/folder-source.ts';
import { verifyLog } from '../../audit-verify/verify-log.ts';
import { oneKeySealer } from '../../testing/one-key-sealer.ts';
import { testService } from '../../testing/test-service.ts';
import { openJournal } from '../journal.ts';
import { isEventLeaf } from '../leaf/entry-of.ts';
import { openAudit } from '../record.ts';
import { readFolder } from './fixtures/read-folder.ts';
import { openSealedLog } from './sealed-log.ts';
import type { Segments } from './segments.ts';
import { sqliteSegments } from './sqlite/segments.ts';
import { oneBehindTheOther } from '../../store/in-turn.ts';
import { freshSegments, logTables } from './dynamodb/fixtures/log-tables.ts';

// Several instances, each with a journal of its own, seal into the same logs at the same time.

const dynamodb = await testService('dynamodb');
const sealer = oneKeySealer(randomBytes(32));
const noteKey = generateKeyPairSync('ed25519').privateKey;
const tenants = ['group/2 ü', '_system'];

const rounds = 2;
const acts = 80;

interface Clock {
  nowMs: number;
}

/** An instance: it acts for every tenant, and seals as it goes. */
async function openInstance(folder: string, name: string, segments: Segments, clock: Clock) {
  const path = join(folder, `${name}.db`);
  const now = () => clock.nowMs;
  const journal = await openJournal({ path, sealer, now });
  const audit = openAudit({ journal });
  const told: string[] = [];
  const failed = ({ message, detail }: { message: string; detail?: string | undefined }) =>
    void told.push(`${message} ${detail ?? ''}`);
  const log = await openSealedLog({ journal: path, sealer, segments, noteKey, now, failed });
  const ids: string[] = [];
  return {
    log,
    ids,
    told,
    async act(count: number): Promise<void> {
      const acted = Array.from({ length: count }, async (_, at) => {
        const actor = { type: 'client', id: `c-${name}` } as const;
        const context = {
          tenant: tenants[at % tenants.length]!,
          actor,
          source: 'mcp',
          correlation: `r${at}`,
        } as const;
        const { entry } = await audit.record('strict', context, {
          act: 'tool.call',
          object: 'connection:shop',
        });
        ids.push(entry);
      });
      await Promise.all(acted);
    },
    async close(): Promise<void> {
      await log.close();
      await segments.close();
      await journal.close();
    },
  };
}

/** Storage of one sealed log, to be opened by each instance. */
interface Storage {
  open(now: () => number): Segments;
  remove(): Promise<void>;
}

async function onTables(): Promise<Storage> {
  const local = await logTables(dynamodb!);
  const fresh = await freshSegments(local, dynamodb!);
  return {
    open: (now) => fresh.open(now),
    async remove() {
      await fresh.remove();
      local.close();
    },
  };
}

/** Only one process has the files open: what seals in it shares them. */
async function inFiles(folder: string): Promise<Storage> {
  const files = { directory: join(folder, 'audit'), rootFile: join(folder, 'audit-root.db') };
  const segments = sqliteSegments(files);
  const alone = oneBehindTheOther();
  return {
    open: () => ({ ...segments, alone, close: async () => undefined }),
    remove: () => segments.close(),
  };
}

async function onStorage(
  openStorage: (folder: string) => Promise<Storage>,
  work: (storage: Storage, folder: string) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'sealgate-writers-'));
  const storage = await openStorage(folder);
  try {
    await work(storage, folder);
  } finally {
    await storage.remove();
    await rm(folder, { recursive: true });
  }
}

interface Event {
  readonly id: string;
  readonly n: number;
  readonly w: string;
}

function eventsIn(leaves: readonly string[]): Event[] {
  return leaves.filter(isEventLeaf).map((leaf) => JSON.parse(leaf) as Event);
}

/** In each log the entries of each writer stand in their order. */
function assertOrder(logs: ReturnType<typeof readFolder>): void {
  for (const [path, { leaves }] of logs) {
    if (path === 'root') continue;
    const last = new Map<string, number>();
    for (const { w, n } of eventsIn(leaves)) {
      assert.ok(n > (last.get(w) ?? 0), `${path}: ${n} of ${w}`);
      last.set(w, n);
    }
  }
}

/** With nothing but the storage to keep them apart. */
const unguarded = (segments: Segments): Segments => ({ ...segments, alone: (work) => work() });
const guarded = (segments: Segments): Segments => segments;

describe.each([
  ['SQLite, taking turns', inFiles, guarded, true],
  ['SQLite, all at once', inFiles, unguarded, true],
  ['DynamoDB, taking turns', onTables, guarded, dynamodb !== undefined],
  ['DynamoDB, all at once', onTables, unguarded, dynamodb !== undefined],
] as const)('sealing on %s', (_, openStorage, as, isThere) => {
  it.skipIf(!isThere)(
    'by eight instances keeps the order of each, leaves no gap, and seals nothing twice',
    { timeout: 300_000 },
    async () => {
      await onStorage(openStorage, async (storage, folder) => {
        const clock = { nowMs: Date.UTC(2026, 10, 30, 23) };
        const now = () => clock.nowMs;
        const names = Array.from({ length: 8 }, (_, at) => `i${at}`);
        const instances = await Promise.all(
          names.map((name) => openInstance(folder, name, as(storage.open(now)), clock)),
        );
        for (let round = 0; round < rounds; round += 1) {
          // The month turns while all of them are at it.
          if (round === rounds / 2) clock.nowMs = Date.UTC(2026, 11, 1);
          await Promise.all(
            instances.map(async ({ act, log }) => {
              await act(acts);
              await log.run();
            }),
          );
        }
        assert.deepEqual(
          instances.flatMap(({ told }) => told),
          [],
        );
        const out = join(folder, 'out');
        await instances[0]!.log.write(out);
        const verdict = await verifyLog(folderSource(out), { vkeys: instances[0]!.log.vkeys });
        assert.deepEqual([verdict.state, verdict.findings], ['ok', []]);
        const logs = readFolder(out);
        assert.equal(logs.size, 1 + 2 * tenants.length);
        assertOrder(logs);
        const events = [...logs]
          .filter(([path]) => path !== 'root')
          .flatMap(([, { leaves }]) => eventsIn(leaves));
        const acknowledged = instances.flatMap(({ ids }) => ids);
        assert.equal(acknowledged.length, 8 * rounds * acts);
        assert.deepEqual(events.map(({ id }) => id).toSorted(), acknowledged.toSorted());
        await Promise.all(instances.map((instance) => instance.close()));
      });
    },
  );
});
