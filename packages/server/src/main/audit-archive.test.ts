import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeLog, type Hold } from '@sealgate/vault';
import { folderSource, verifyLog } from '@sealgate/vault/audit-verify';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ArchivedMonth, LogPiece } from '../domain/admin-answers.ts';
import { initConfig, openLog, openSealgate, type Sealgate } from '../main.ts';

const quiet = openLog('error', { write: () => undefined });
const dayMs = 24 * 3600_000;
let dataDir: string;
let nowMs: number;
let sealgate: Sealgate;

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'audit-archive-'));
  nowMs = Date.UTC(2026, 10, 20);
  await open();
});
afterEach(async () => {
  await sealgate.close();
  rmSync(dataDir, { recursive: true });
});

async function open(): Promise<void> {
  const env = { DATA_DIR: dataDir, PORT: '0', AUDIT_LOG_RETENTION_DAYS: '30' };
  sealgate = await openSealgate(initConfig({ env, cwd: dataDir }), quiet, { now: () => nowMs });
}

/** In the parameters of every call: in a field that is tagged, and in one that is clear and has a secret all the same. */
const planted = { text: randomBytes(18).toString('base64url'), token: randomBytes(18).toString('base64url') };

/** Every file there is: the journal, the log, the archive, and what was taken of it. */
function filesOf(): readonly string[] {
  const entries = readdirSync(dataDir, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(dataDir.length + 1));
}

function holding(text: string): readonly string[] {
  return filesOf().filter((file) => readFileSync(join(dataDir, file)).includes(text));
}

/** Calls of a group, sealed and published. */
async function used(tenant: string): Promise<void> {
  const { audit, auditLog } = sealgate.ground;
  const actor = { type: 'client', id: 'c1' } as const;
  const context = { tenant, actor, source: 'mcp', correlation: 'r1' } as const;
  const params = {
    text: planted.text,
    query: `Bearer ${planted.token}`,
    [planted.text]: 1,
    sort: 'of-the-price',
  };
  const redaction = { version: 2, fields: { query: 'clear', sort: 'clear' } } as const;
  const request = { method: 'tools/call', params, redaction };
  const { entry } = await audit.record('strict', context, { act: 'tool.call', object: 'upstreams', request });
  audit.outcome(entry, context, { out: 'success' });
  await audit.record(
    'strict',
    { ...context, tenant: '_system' },
    { act: 'gateway.start', object: 'gateway' },
  );
  expect(await auditLog.catchUp()).toBeUndefined();
}

const call = (name: string, input: object = {}): Promise<unknown> => sealgate.operations.call(name, input);
const month = (name: string): boolean => existsSync(join(dataDir, 'audit', `${name}.db`));
const hotMonths = async () => (await sealgate.ground.auditLog.segments()).periods();

test('a month goes into the archive, and a stranger who is given the log finds it whole', async () => {
  await used('group-1');
  nowMs = Date.UTC(2026, 11, 2);
  await used('group-1');
  expect(await sealgate.ground.auditArchive.run()).toEqual({ archived: [], expired: [] });
  nowMs = Date.UTC(2026, 10, 20) + 30 * dayMs;
  await sealgate.close();
  await open();
  expect(await sealgate.ground.auditArchive.run()).toEqual({ archived: ['202611'], expired: [] });
  expect(await hotMonths()).toEqual(['202612']);
  const logs = (await call('audit.archived')) as ArchivedMonth[];
  expect(
    logs.map(({ scope, keptUntilMs }) => [scope, new Date(keptUntilMs).toISOString().slice(0, 10)]),
  ).toEqual(
    expect.arrayContaining([
      ['group-1', '2027-11-20'],
      ['_system', '2033-11-20'],
    ]),
  );

  const pieces = (await call('audit.export.log', { bodies: true, tenant: '*' })) as AsyncIterable<LogPiece>;
  const taken = join(dataDir, 'taken');
  await writeLog(
    taken,
    (async function* () {
      for await (const piece of pieces)
        if ('path' in piece)
          yield { path: piece.path, bytes: Buffer.from(piece.base64, 'base64'), bodies: piece.bodies };
    })(),
  );
  const { vkeys } = await sealgate.ground.auditLog.log();
  const verdict = await verifyLog(folderSource(taken), { vkeys });
  expect([verdict.state, verdict.findings]).toEqual(['ok', []]);
  const disclosed = holding('of-the-price');
  expect(disclosed.length).toBeGreaterThan(0);
  expect(disclosed.every((file) => file.startsWith('taken/'))).toBe(true);
  expect(filesOf().some((file) => /\/202611\/sealed\//.test(file))).toBe(true);
  for (const secret of Object.values(planted)) expect(holding(secret)).toEqual([]);

  nowMs = Date.UTC(2027, 10, 20);
  const { expired } = await sealgate.ground.auditArchive.run();
  expect(expired.some((origin) => origin.endsWith('/audit/group-1/202611'))).toBe(true);
  const acts = (await sealgate.ground.journal.page({ order: 'newest', limit: 200 })).entries.map(
    ({ act, obj }) => [act, obj],
  );
  expect(acts).toContainEqual(['audit.archive', 'month:202611']);
  expect(acts).toContainEqual(['audit.expire', `log:${expired[0]}`]);
});

test('a hold keeps the month where it is and the keys from being destroyed, until it is lifted', async () => {
  const { tenant } = sealgate.ground.administrator;
  await used(tenant);
  nowMs = Date.UTC(2026, 11, 2);
  await used('group-1');
  nowMs += 60 * dayMs;
  expect(await call('audit.hold.add', { tenant })).toEqual({ added: true });
  expect(((await call('audit.hold.list')) as Hold[]).map((hold) => hold.tenant)).toEqual([tenant]);
  expect((await sealgate.ground.auditArchive.run()).archived).toEqual([]);
  await sealgate.close();
  await open();
  expect((await sealgate.ground.auditArchive.run()).archived).toEqual([]);
  const { holds } = sealgate.ground;
  await expect(holds.refuseHeld([tenant])).rejects.toMatchObject({ code: 'log_held' });
  await call('audit.hold.remove', { tenant });
  await expect(call('audit.hold.remove', { tenant })).rejects.toMatchObject({ code: 'not_found' });
  expect((await sealgate.ground.auditArchive.run()).archived).toContain('202611');
  expect(month('202611')).toBe(false);
});

test('a person whose group is held is not shredded, and nothing of theirs is gone', async () => {
  const { people, auditLog } = sealgate.ground;
  const ann = await people.ensureByEmail(`ann-${randomBytes(3).toString('hex')}@example.com`);
  const { tenant } = (await people.find(ann.subject))!;
  await call('audit.hold.add', { tenant });
  await expect(call('keys.shred', { person: ann.subject })).rejects.toMatchObject({ code: 'log_held' });
  expect((await people.find(ann.subject))?.tenant).toBe(tenant);
  await call('audit.hold.remove', { tenant });
  await call('keys.shred', { person: ann.subject });
  expect(await people.find(ann.subject)).toBeUndefined();
  expect(await auditLog.catchUp()).toBeUndefined();
});
