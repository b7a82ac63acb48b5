import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import * as vault from '@sealgate/vault';
import { recordsContract } from '@sealgate/vault/testing';

const now = Date.now;
const directory = process.argv[2] ?? 'vault-data';

// Open

const claimed = vault.claimDirectory(directory);
const tables = vault.sqliteTables({ file: join(directory, 'main.db'), now });
const provider = await vault.openKeyring({
  file: join(directory, 'keyring.json'),
  mayCreate: !(await vault.holdsTenantKeys(tables)),
  now,
});
const sealer = await vault.openSealer({ tables, provider, now });

// Seal bytes at a place

const place = { tenant: 'acme', subject: 'alice', table: 'notes', record: 'n1', field: 'text', epoch: 0 };
const note = Buffer.from('the safe is behind the picture');
const sealed = await sealer.seal('record', place, note);
const opened = await sealer.open('record', place, sealed);
console.log('opens at its place:', opened.equals(note));
opened.fill(0);

const elsewhere = { ...place, subject: 'bob' };
const refusal = await sealer.open('record', elsewhere, sealed).catch((error: unknown) => error);
console.log('elsewhere:', refusal instanceof vault.Refusal && refusal.code);

// A session with a key of its own

const sessions = vault.sealedRecords(vault.tableRecords(tables, { now }), sealer, {
  kind: 'session',
  table: 'web_sessions',
  tenant: 'acme',
});
const endsAtMs = now() + 3_600_000;
await sessions.put('cookie-of-alice', Buffer.from('{"cart":3}'), { endsAtMs, owners: ['alice'] });
const session = await sessions.get('cookie-of-alice');
console.log('session:', Buffer.from(session?.bytes ?? []).toString());
await sessions.bar('cookie-of-alice', endsAtMs);
console.log('after the bar:', await sessions.get('cookie-of-alice'));

// Import a row of ciphertext, tag and nonce

const legacyKey = randomBytes(32);
const legacyRow = vault.sealGcmRow(Buffer.from('sk-live-0001'), legacyKey);

const journal = await vault.openJournal({ path: join(directory, 'journal.db'), sealer, now });
const audit = vault.openAudit({ journal });
const connections = vault.openConnections(vault.sealedTables(tables, sealer), now);
const context: vault.AuditContext = {
  tenant: 'acme',
  actor: { type: 'system', id: 'import' },
  source: 'system',
  correlation: 'import-1',
};
const secret = vault.openGcmRow(legacyRow, legacyKey);
const object = vault.objectOf('acme', connections.idOf('shop', 'alice', 'default'));
await connections.set(
  await audit.record('strict', context, { act: 'connection.set', object }),
  {
    tenant: 'acme',
    subject: 'alice',
    upstream: 'shop',
    name: 'default',
    placement: { in: 'header', name: 'x-api-key', scheme: 'plain' },
    origin: 'https://shop.example',
  },
  secret,
);
secret.fill(0);

// Lend it to one request

const gate = vault.openGate({
  connections,
  audit,
  now,
  carry: async ({ headers }) => ({
    status: 200,
    headers: {},
    body: Buffer.from(`you sent ${headers['x-api-key']}`),
  }),
});
const use = { subject: 'alice', upstream: 'shop', required: true, request: {} };
await gate.use({ ...use, act: 'tool.call', context }, async (lent) => {
  const { body } = await lent({
    origin: 'https://shop.example',
    path: '/orders',
    method: 'GET',
    headers: {},
    body: undefined,
    signal: AbortSignal.timeout(1000),
  });
  console.log('the answer:', Buffer.from(body as Uint8Array).toString());
  return { out: 'success' };
});

// Read the journal, and check it

const page = await journal.page({ order: 'oldest', limit: 10 });
console.log('journal:', page.entries.map((entry) => entry.act ?? entry.out).join(' '));
console.log('chain:', (await journal.verify()).state);

// Prove an adapter of your own

for (const promise of recordsContract)
  await promise.run(async ({ now: clock }) => {
    const records = vault.memoryRecords({ now: clock });
    return { records, settle: async () => undefined, close: () => records.close() };
  });
console.log('the adapter keeps its promises');

// Close, in the order of dependence

await journal.close();
await sealer.close();
await provider.close();
await tables.close();
claimed.release();
