import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { AuditContext } from '../audit/entry.ts';
import { openJournal, type Journal } from '../audit/journal.ts';
import { openAudit } from '../audit/record.ts';
import { openConnections, type ConnectionRows } from '../credentials/connections.ts';
import { openGate } from '../credentials/use.ts';
import { envKey } from '../keys/env-key.ts';
import { openSealer, type OpenedSealer } from '../keys/open-sealer.ts';
import { sealedTables } from '../keys/sealed-tables.ts';
import { sealGcmRow } from '../seal/gcm-row.ts';
import { memoryTables, type MemoryTables } from '../store/memory/tables.ts';
import { bringCredentials, type BringParts, type EarlierCredential } from './bring-credentials.ts';
import { earlierTenantKey, openSecretColumns } from './tenant-rows.ts';

const context: AuditContext = {
  tenant: 'operator',
  actor: { type: 'system', id: 'import' },
  source: 'cli',
  correlation: '01890000-0000-7000-8000-000000000000',
};
const rootKey = randomBytes(32).toString('base64');

let directory = '';
let tables: MemoryTables;
let sealer: OpenedSealer;
let journal: Journal;
let connections: ConnectionRows;
let parts: BringParts;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'older-'));
  tables = memoryTables({ now: Date.now });
  sealer = await openSealer({ tables, provider: envKey(randomBytes(32).toString('base64')), now: Date.now });
  journal = await openJournal({ path: join(directory, 'journal.db'), sealer, now: Date.now });
  connections = openConnections(sealedTables(tables, sealer), Date.now);
  parts = { connections, audit: openAudit({ journal }), context };
});
afterEach(async () => {
  await journal.close();
  await sealer.close();
  await tables.close();
  rmSync(directory, { recursive: true });
});

/** Rows as another program keeps them: two tenants, three shops each. */
function rows(): EarlierCredential[] {
  return ['acme', 'umbrella'].flatMap((tenant) => {
    const key = earlierTenantKey({ rootKey, salt: randomBytes(32).toString('hex') });
    return [1, 2, 3].map((shop) => {
      const row = sealGcmRow(Buffer.from(secretOf(tenant, shop)), key);
      return {
        row: `stores ${tenant}/${shop}`,
        connection: {
          tenant,
          subject: '',
          upstream: 'orders',
          name: `shop-${shop}`,
          placement: { in: 'header', name: 'order-key', scheme: 'plain' },
          origin: 'https://orders.example',
        },
        open: () => openSecretColumns(row, key),
      } as const;
    });
  });
}

const secretOf = (tenant: string, shop: number) => `key-of-${tenant}-in-shop-${shop}`;

/** What the gate sends for this shop. */
async function lent(tenant: string, name: string): Promise<string | undefined> {
  let sent: string | undefined;
  const gate = openGate({
    connections: { ...connections, find: (...asked) => connections.find(asked[0], asked[1], asked[2], name) },
    audit: parts.audit,
    now: Date.now,
    carry: async ({ headers }) => {
      sent = headers['order-key'] as string;
      return { status: 200, headers: {}, body: Buffer.from('{}') };
    },
  });
  const use = { subject: '', upstream: 'orders', act: 'tool.call' as const, required: true, request: {} };
  await gate.use({ ...use, context: { ...context, tenant } }, async (lend) => {
    await lend({
      origin: 'https://orders.example',
      path: '/',
      method: 'GET',
      headers: {},
      body: undefined,
      signal: AbortSignal.timeout(5000),
    });
    return { out: 'success' };
  });
  return sent;
}

async function everything(): Promise<string> {
  const found: unknown[] = [];
  for (const tenant of ['acme', 'umbrella'])
    found.push(await tables.query('connections', { partition: tenant, limit: 100 }));
  return JSON.stringify(found);
}

test('rows of another program are lent as what they were, and lie sealed', async () => {
  expect(await bringCredentials(parts, rows())).toEqual({ brought: 6, there: 0, refused: [] });
  for (const tenant of ['acme', 'umbrella']) expect(await lent(tenant, 'shop-2')).toBe(secretOf(tenant, 2));
  const stored = await everything();
  expect(stored).toContain('shop-2');
  for (const text of ['key-of-acme', Buffer.from('key-of-acme-in').toString('base64url')])
    expect(stored).not.toContain(text);
});

test('each has its entry in the journal, with what came of it, in its own tenant', async () => {
  await bringCredentials(parts, rows());
  await journal.close();
  journal = await openJournal({ path: join(directory, 'journal.db'), sealer, now: Date.now });
  const { entries } = await journal.page({ order: 'oldest', limit: 100 });
  const attempts = entries.filter(({ act }) => act === 'connection.set');
  const tenants = attempts.map(({ tenant }) => tenant).toSorted();
  expect(tenants).toEqual(['acme', 'acme', 'acme', 'umbrella', 'umbrella', 'umbrella']);
  const outcomes = new Map(entries.map(({ cause, out }) => [cause, out]));
  expect(attempts.every(({ id }) => outcomes.get(id) === 'success')).toBe(true);
});

test('a row that does not open is named, and neither it nor its bytes become a connection', async () => {
  const given = rows();
  const [first] = given;
  const damaged: EarlierCredential = {
    ...first!,
    open: () =>
      openSecretColumns(
        { ciphertext: randomBytes(20), tag: randomBytes(16), nonce: randomBytes(12) },
        randomBytes(32),
      ),
  };
  const empty: EarlierCredential = { ...given[1]!, open: () => Buffer.alloc(0) };
  const report = await bringCredentials(parts, [damaged, empty, ...given.slice(2)]);
  expect(report).toMatchObject({
    brought: 4,
    refused: [
      { row: 'stores acme/1', code: 'open_failed' },
      { row: 'stores acme/2', code: 'credential_invalid' },
    ],
  });
  expect((await connections.list('acme')).map(({ name }) => name)).toEqual(['shop-3']);
});

test('a second run goes on where the first one stopped, and changes nothing that is there', async () => {
  const given = rows();
  await bringCredentials(parts, given.slice(0, 2));
  const before = await connections.list('acme');
  expect(await bringCredentials(parts, given)).toEqual({ brought: 4, there: 2, refused: [] });
  const after = await connections.list('acme');
  expect(after.filter(({ name }) => name !== 'shop-3')).toEqual(before);
});

test('a dry run opens every row and writes nothing', async () => {
  expect(await bringCredentials({ ...parts, dryRun: true }, rows())).toMatchObject({ brought: 6 });
  expect(await connections.list('acme')).toEqual([]);
  expect((await journal.page({ order: 'oldest', limit: 10 })).entries).toEqual([]);
});

test('every secret is wiped once it is sealed, and when it is not', async () => {
  const seen: Uint8Array[] = [];
  const watched = rows().map((each, n) => ({
    ...each,
    ...(n === 0
      ? { connection: { ...each.connection, placement: { in: 'env', name: 'PATH' } as const } }
      : {}),
    open: async () => {
      const secret = await each.open();
      seen.push(secret);
      return secret;
    },
  }));
  expect(await bringCredentials(parts, watched)).toMatchObject({ brought: 5 });
  expect(seen).toHaveLength(6);
  expect(seen.every((secret) => secret.every((byte) => byte === 0))).toBe(true);
});

test('without a journal nothing is brought', async () => {
  await journal.close();
  await expect(bringCredentials(parts, rows())).rejects.toThrow(
    expect.objectContaining({ code: 'audit_unavailable' }),
  );
  expect(await connections.list('acme')).toEqual([]);
  journal = await openJournal({ path: join(directory, 'journal.db'), sealer, now: Date.now });
});

test('a key service that does not answer ends the run, and is no fault of a row', async () => {
  const down: EarlierCredential = {
    ...rows()[0]!,
    open: () => Promise.reject(new Error('connection refused')),
  };
  await expect(bringCredentials(parts, [down])).rejects.toThrow('connection refused');
});
