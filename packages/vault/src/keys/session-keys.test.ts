import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { parseRecord } from '../seal/record.ts';
import { memoryRecords } from '../store/memory/records.ts';
import { memoryTables } from '../store/memory/tables.ts';
import { envKey } from './env-key.ts';
import { openSealer } from './open-sealer.ts';
import { sealedRecords } from './sealed-records.ts';

// Each session has a data key of its own, which lies in the session's record and nowhere else.

const now = () => 1_700_000_000_000;
const sessionsMany = 1000;
const ids = Array.from({ length: sessionsMany }, (_, n) => `session-${n}`);

async function setUp() {
  const [tables, raw, root] = [
    memoryTables({ now }),
    memoryRecords({ now }),
    randomBytes(32).toString('base64'),
  ];
  const opened = async () => {
    const sealer = await openSealer({ tables, provider: envKey(root), now });
    return sealedRecords(raw, sealer, { kind: 'session', table: 'sessions', tenant: 'g1' });
  };
  const records = await opened();
  for (const id of ids) await records.put(id, Buffer.from(`data of ${id}`), { endsAtMs: now() + 60_000 });
  return { tables, raw, opened };
}

async function rawNames(raw: ReturnType<typeof memoryRecords>): Promise<string[]> {
  const names: string[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await raw.scan({ limit: 250, ...(cursor === undefined ? {} : { cursor }) });
    names.push(...page.names);
    if (page.cursor === undefined) return names;
    cursor = page.cursor;
  }
}

test('1,000 sessions have 1,000 wrapped keys, and no row of a key beside the tenant', async () => {
  const { raw, tables } = await setUp();
  const stored = await Promise.all((await rawNames(raw)).map((name) => raw.get(name)));
  const parsed = stored.map((record) => parseRecord(record?.bytes ?? new Uint8Array()));
  expect(parsed).toHaveLength(sessionsMany);
  const hex = (bytes: Uint8Array = new Uint8Array()) => Buffer.from(bytes).toString('hex');
  expect(new Set(parsed.map(({ wrapped }) => hex(wrapped))).size).toBe(sessionsMany);
  expect(new Set(parsed.map(({ dataKeyId }) => hex(dataKeyId))).size).toBe(sessionsMany);
  expect((await tables.query('data_keys', { partition: 'g1', limit: 10 })).items).toEqual([]);
});

test('destroying the key of one session ends that session alone', async () => {
  const { raw, opened } = await setUp();
  const victim = (await rawNames(raw))[500] ?? '';
  const record = await raw.get(victim);
  const bytes = Uint8Array.from(record?.bytes ?? []);
  // The wrapped key alone: the session's own bytes stay whole.
  parseRecord(bytes).wrapped?.fill(0, 38);
  await raw.put(victim, bytes, { endsAtMs: now() + 60_000 });

  const records = await opened();
  const found = await Promise.allSettled(ids.map((id) => records.get(id)));
  const lost = found.filter(({ status }) => status === 'rejected');
  expect(lost).toHaveLength(1);
  expect(lost[0]).toMatchObject({ reason: { code: 'open_failed' } });
  const alive = found.flatMap((each, n) =>
    each.status === 'fulfilled' && Buffer.from(each.value?.bytes ?? []).toString() === `data of ${ids[n]}`
      ? [n]
      : [],
  );
  expect(alive).toHaveLength(sessionsMany - 1);
});
