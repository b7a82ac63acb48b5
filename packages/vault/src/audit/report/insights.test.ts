import { DisableKeyCommand } from '@aws-sdk/client-kms';
import assert from 'node:assert/strict';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { onAws, openKmsStage, type KmsStage } from '../../keys/kms/fixtures/kms-stage.ts';
import { memoryRecords } from '../../store/memory/records.ts';
import { SecureTokenManager } from '../../tokens/secure-token-manager.ts';
import { newestCalls } from '../calls.ts';
import type { Entry } from '../entry.ts';
import { listedEntries } from '../fixtures/listed-entries.ts';
import { openAudit } from '../record.ts';
import { discovered, runInsights, type InsightsRow } from './fixtures/insights-run.ts';
import { insightsQuery } from './insights.ts';
import { reportRows, type ReportName, type ReportRow } from './reports.ts';

// The same accesses twice: as the log has them, and as CloudTrail has what KMS was asked for them. Every access is made by an
// instance that holds no key yet, so that KMS sees each; both are dated anew, to days of our choosing.

const hourMs = 3600_000;
const zone = 'Europe/Berlin';
const untilMs = Date.parse('2026-11-20T12:00:00Z');
const sinceMs = untilMs - 30 * 24 * hourMs;
const clients = ['client-1', 'client-2', 'client-3'];
const services = Array.from({ length: 12 }, (_, i) => `service-${String(i).padStart(2, '0')}`);

let stage: KmsStage;
const entries: Entry[] = [];
const trail: InsightsRow[] = [];
const clock = { ms: sinceMs };
const now = (): number => clock.ms;
const records = memoryRecords({ now });

const keep = (line: string): boolean => entries.push(JSON.parse(line) as Entry) > 0;
const audit = openAudit({
  journal: {
    append: async (line) => void keep(line),
    queue: async (line) => void keep(line),
    offer: keep,
    stampMs: now,
  },
});

/** One access at that time, by an instance of its own. */
async function access(
  keyId: string,
  service: string,
  atMs: number,
  work: (manager: SecureTokenManager) => Promise<unknown>,
): Promise<void> {
  const peer = stage.peer!;
  clock.ms = atMs;
  const kms = { keyId, ...stage.connection };
  const manager = new SecureTokenManager({ records, kms, audit, now, service });
  await manager.connect();
  const before = peer.events.length;
  await work(manager).catch(() => undefined);
  trail.push(...peer.events.slice(before).map((event) => discovered(event, atMs)));
  await manager.disconnect();
}

beforeAll(async () => {
  stage = await openKmsStage();
  if (onAws) return;
  const [shared, own] = [await stage.makeKey(), await stage.makeKey()];
  const ttlSeconds = 60 * 24 * 3600;
  let step = 0;
  const nextMs = (): number => sinceMs + (step += 1) * 7 * hourMs;
  for (const [at, service] of services.entries()) {
    const client = clients[at % clients.length]!;
    await access(shared, service, nextMs(), (manager) =>
      manager.storeToken(client, 'stripe', 'a token', undefined, { ttlSeconds }),
    );
    for (let n = 0; n < 1 + (at % 4); n += 1)
      await access(shared, service, nextMs(), (manager) => manager.getToken(client, 'stripe'));
  }
  await access(shared, 'vaulted', nextMs(), (manager) =>
    manager.storeToken('client-4', 'paypal', 'a token', own, { ttlSeconds }),
  );
  await stage.client.send(new DisableKeyCommand({ KeyId: own }));
  for (let n = 0; n < 3; n += 1)
    await access(shared, 'vaulted', nextMs(), (manager) => manager.getToken('client-4', 'paypal'));
}, 60_000);
afterAll(() => stage.close());

async function report(name: ReportName, tenant?: string): Promise<readonly ReportRow[]> {
  const all: ReportRow[] = [];
  const calls = newestCalls(listedEntries(entries), { tenant, sinceMs, untilMs });
  for await (const page of reportRows(name, calls, { zoneOf: () => zone })) all.push(...page);
  return all;
}

const query = (name: ReportName, client?: string): readonly InsightsRow[] =>
  runInsights(insightsQuery(name, { client, zone, sinceMs, untilMs }), trail);
const ofOurs = ({ time, client, service, provider }: ReportRow): unknown[] => [
  Date.parse(String(time)),
  client,
  service,
  provider,
];
const ofTheirs = (row: InsightsRow): unknown[] => [
  row['@timestamp'],
  row['client'],
  row['service'],
  row['provider'],
];

describe.skipIf(onAws)('over what KMS saw, the query finds what the report finds:', () => {
  test('each access of one client', async () => {
    for (const client of [...clients, 'client-4']) {
      const ours = await report('accesses', client);
      assert.ok(ours.length >= 4);
      assert.deepEqual(query('accesses', client).map(ofTheirs), ours.map(ofOurs));
    }
  });

  test('accesses outside business hours, on both sides of the end of summer time', async () => {
    const ours = await report('hours');
    assert.deepEqual(query('hours').map(ofTheirs), ours.map(ofOurs));
    const offsets = new Set(ours.map(({ local }) => String(local).slice(-6)));
    assert.deepEqual([...offsets].toSorted(), ['+01:00', '+02:00']);
    const all = clients.concat('client-4').map((client) => report('accesses', client));
    assert.ok(ours.length < (await Promise.all(all)).flat().length);
  });

  test('the ten services with most accesses', async () => {
    const ours = await report('services');
    assert.equal(ours.length, 10);
    assert.deepEqual(
      query('services').map(({ service, accesses }) => [service, accesses]),
      ours.map(({ service, accesses }) => [service, accesses]),
    );
  });

  test('what could not be opened', async () => {
    const ours = await report('failures');
    const theirs = query('failures');
    assert.deepEqual(
      ours.map(({ code }) => code),
      Array(3).fill('key_unavailable'),
    );
    assert.deepEqual(theirs.map(ofTheirs), ours.map(ofOurs));
    assert.deepEqual(
      theirs.map((row) => row['errorCode']),
      Array(3).fill('DisabledException'),
    );
  });
});
