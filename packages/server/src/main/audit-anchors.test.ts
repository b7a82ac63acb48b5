import { createHmac, randomBytes } from 'node:crypto';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeLog, type Entry } from '@sealgate/vault';
import { folderSource, verifyLog } from '@sealgate/vault/audit-verify';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { LogPiece, RootCheckpoint } from '../domain/admin-answers.ts';
import { initConfig, openLog, openSealgate, type Sealgate } from '../main.ts';
import { anchorReceiver, type AnchorReceiver } from './fixtures/anchor-receiver.ts';

const hourMs = 3600_000;
const secret = `whsec_${randomBytes(32).toString('base64')}`;
const token = randomBytes(16).toString('hex');
const received = (): readonly string[] => receiver.received.map(({ body }) => body);
let dataDir: string;
let nowMs: number;
let lines: string[];
let receiver: AnchorReceiver;
let sealgate: Sealgate;

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'audit-anchors-'));
  nowMs = Date.UTC(2026, 10, 20);
  lines = [];
  receiver = await anchorReceiver();
  await open();
});
afterEach(async () => {
  await sealgate.close();
  await receiver.close();
  rmSync(dataDir, { recursive: true });
});

async function open(env: Readonly<Record<string, string>> = {}): Promise<void> {
  const url = `${receiver.origin}/take?token=${token}`;
  const given = { DATA_DIR: dataDir, PORT: '0', AUDIT_ANCHOR_URL: url, AUDIT_ANCHOR_SECRET: secret, ...env };
  const config = initConfig({ env: given, cwd: dataDir });
  const log = openLog('info', { write: (line) => void lines.push(line) });
  sealgate = await openSealgate(config, log, { now: () => nowMs });
}

async function reopen(env: Readonly<Record<string, string>> = {}): Promise<void> {
  await sealgate.close();
  await open(env);
}

/** A call of somebody. */
async function used(): Promise<void> {
  const actor = { type: 'client', id: 'c1' } as const;
  const context = { tenant: 'group-1', actor, source: 'mcp', correlation: 'r1' } as const;
  await sealgate.ground.audit.record('strict', context, { act: 'tool.call', object: 'upstreams' });
}

const anchor = (): Promise<void> => sealgate.ground.auditAnchors.run();
const health = () => sealgate.ground.auditAnchors.health();
const standing = () => sealgate.ground.auditAnchors.standing().places[0]!;
const call = (name: string, input: object = {}): Promise<unknown> => sealgate.operations.call(name, input);

async function later(ms: number): Promise<void> {
  nowMs += ms;
  await anchor();
}

/** Entries of anchors, with what came of each. */
async function acts(): Promise<readonly unknown[]> {
  const { entries } = await sealgate.ground.journal.page({ order: 'oldest', limit: 500 });
  const own = entries.filter(({ act = '' }) => ['audit.anchor', 'audit.unanchored'].includes(act));
  const outcomeOf = ({ id }: Entry) => entries.find(({ cause }) => cause === id);
  return own.map((each) => [
    each.act,
    each.obj?.replace(/\d+$/, 'n'),
    outcomeOf(each)?.out,
    outcomeOf(each)?.code,
  ]);
}

test('the checkpoint is sent as it was signed, once it has grown and the interval is over, and once a day anyway', async () => {
  await anchor();
  const { checkpoint } = (await call('audit.checkpoint')) as RootCheckpoint;
  expect(received()).toHaveLength(1);
  expect(checkpoint.split('\n')[0]).toBe(received()[0]!.split('\n')[0]);
  await used();
  await later(hourMs - 1);
  expect(received()).toHaveLength(1);
  await later(1);
  expect(received()).toHaveLength(2);
  // Its own entries are no reason, and neither is a restart with nothing in it.
  for (let hours = 0; hours < 3; hours += 1) await later(hourMs);
  await reopen();
  await later(hourMs);
  expect(received()).toHaveLength(2);
  await later(24 * hourMs);
  expect(received()).toHaveLength(3);
  await expect
    .poll(acts)
    .toEqual(received().map(() => ['audit.anchor', 'anchor:webhook/n', 'success', undefined]));
  expect(health()).toMatchObject({ state: 'ok', failures: 0 });
});

test('what is sent says who it is from to whoever has the secret, and neither secret nor token is in a log or a file', async () => {
  await anchor();
  const [{ method, path, headers, body }] = receiver.received as [AnchorReceiver['received'][0]];
  expect([method, path, headers['content-type']]).toEqual([
    'POST',
    `/take?token=${token}`,
    'text/plain; charset=utf-8',
  ]);
  const key = Buffer.from(secret.slice(6), 'base64');
  const signed = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`;
  const mac = createHmac('sha256', key).update(signed).digest('base64');
  expect(headers['webhook-signature']).toBe(`v1,${mac}`);
  receiver.answer = (response) => void response.writeHead(500).end(`${secret} ${token}`);
  await used();
  await later(hourMs);
  expect(standing()).toMatchObject({
    state: 'failing',
    recent: [{ state: 'anchored' }, { state: 'failed' }],
  });
  const shown = JSON.stringify([lines, await call('audit.checkpoint'), await call('doctor')]);
  const kept = readdirSync(dataDir, { withFileTypes: true }).filter((entry) => entry.isFile());
  const files = kept.map(({ name }) => readFileSync(join(dataDir, name)).toString('latin1')).join('');
  for (const each of [secret, secret.slice(6), token])
    expect([shown.includes(each), files.includes(each)]).toEqual([false, false]);
});

test.each([
  ['answers 500', (response) => response.writeHead(500).end(), 'fetch_failed'],
  [
    'redirects',
    (response) => response.writeHead(307, { location: 'http://127.0.0.1:1/elsewhere' }).end(),
    'redirect_forbidden',
  ],
  ['answers megabytes', (response) => response.end(Buffer.alloc(5_000_000)), 'answer_too_large'],
  ['hangs up', (response) => response.destroy(), 'fetch_failed'],
] as [string, AnchorReceiver['answer'], string][])(
  'a webhook that %s is told once, tried again later and later, and delays nothing',
  async (_, answer, code) => {
    receiver.answer = answer;
    await anchor();
    await anchor();
    expect(received()).toHaveLength(1);
    expect(standing()).toMatchObject({ state: 'failing', lastMs: undefined, recent: [{ code }] });
    for (const seconds of [15, 15, 15]) await later(seconds * 1000);
    expect(received()).toHaveLength(3);
    expect(lines.filter((line) => line.includes(code))).toHaveLength(1);
    receiver.answer = (response) => void response.end('thank you');
    await later(60_000);
    expect(standing()).toMatchObject({ state: 'ok', lastMs: nowMs });
    expect(health()).toEqual({ state: 'ok', anchored: 1, failures: 3 });
    const failed = ['audit.anchor', 'anchor:webhook/n', 'failure', code];
    await expect
      .poll(acts)
      .toEqual([failed, failed, failed, ['audit.anchor', 'anchor:webhook/n', 'success', undefined]]);
  },
);

test('a webhook that never answers is broken off when the gateway stops', async () => {
  let came = (): void => undefined;
  const asked = new Promise<void>((resolve) => (came = resolve));
  receiver.answer = () => came();
  const under = anchor();
  await asked;
  const { auditAnchors } = sealgate.ground;
  await auditAnchors.close();
  await under;
  expect(auditAnchors.health()).toMatchObject({ anchored: 0, failures: 1 });
});

test.each([
  'https://10.0.0.7/take',
  'https://169.254.169.254/take',
  'https://[fd00::1]/',
  'https://gate.internal/',
])('a checkpoint is not sent into the network inside: %s', async (url) => {
  await reopen({ AUDIT_ANCHOR_URL: url });
  await anchor();
  expect(standing()).toMatchObject({ recent: [{ state: 'failed', code: 'address_forbidden' }] });
  expect(received()).toEqual([]);
});

test('nothing for three intervals is overdue: health says so, and it is written down once', async () => {
  receiver.answer = (response) => void response.writeHead(503).end();
  await anchor();
  await later(3 * hourMs);
  expect(health().state).toBe('failing');
  for (let times = 0; times < 3; times += 1) await later(hourMs);
  expect(health().state).toBe('overdue');
  const told = async () => (await acts()).filter((each) => String(each).startsWith('audit.unanchored'));
  await expect.poll(told).toEqual([['audit.unanchored', 'anchor:webhook', 'failure', 'fetch_failed']]);
  receiver.answer = (response) => void response.writeHead(200).end();
  await later(hourMs);
  expect(health().state).toBe('ok');
});

test('a log that was exported has what was anchored with it, and was anchored among the blobs as well', async () => {
  await reopen({ AUDIT_ANCHOR_ARCHIVE: 'true' });
  await anchor();
  await used();
  await later(hourMs);
  const { places } = sealgate.ground.auditAnchors.standing();
  expect(places.map(({ place, state, recent }) => [place, state, recent.length])).toEqual([
    ['archive', 'ok', 2],
    ['webhook', 'ok', 2],
  ]);
  const pieces = (await call('audit.export.log', { bodies: false })) as AsyncIterable<LogPiece>;
  const taken = join(dataDir, 'taken');
  await writeLog(
    taken,
    (async function* () {
      for await (const piece of pieces)
        if ('path' in piece)
          yield { path: piece.path, bytes: Buffer.from(piece.base64, 'base64'), bodies: piece.bodies };
    })(),
  );
  const noted = readFileSync(join(taken, 'anchors.jsonl'), 'utf8').trimEnd().split('\n');
  expect(noted.map((line) => JSON.parse(line) as unknown)).toEqual(received());
  const { vkeys } = await sealgate.ground.auditLog.log();
  const verdict = await verifyLog(folderSource(taken), { vkeys, anchors: received() });
  expect([verdict.state, verdict.findings]).toEqual(['ok', []]);
});

test('a directory that is older than its anchor is not signed, which is told, and a gap in its log', async () => {
  const among = { AUDIT_ANCHOR_ARCHIVE: 'true' };
  await reopen(among);
  await anchor();
  await sealgate.close();
  const kept = `${dataDir}.kept`;
  cpSync(dataDir, kept, { recursive: true });
  await open(among);
  await used();
  await later(hourMs);
  expect(standing().state).toBe('ok');
  await sealgate.close();
  // Everything comes back from a backup, but for the blobs, which lie elsewhere.
  for (const name of readdirSync(dataDir).filter((each) => each !== 'blobs'))
    rmSync(join(dataDir, name), { recursive: true });
  cpSync(kept, dataDir, { recursive: true, filter: (path) => !path.startsWith(join(kept, 'blobs')) });
  rmSync(kept, { recursive: true });
  await open(among);
  const { journal, auditLog } = sealgate.ground;
  const log = await auditLog.log();
  const before = await log.source().read('root/checkpoint');
  await used();
  expect(await auditLog.catchUp()).toMatchObject({ code: 'journal_broken' });
  expect(await auditLog.catchUp()).toMatchObject({ code: 'journal_broken' });
  expect(await log.source().read('root/checkpoint')).toEqual(before);
  expect(lines.filter((line) => line.includes('older than an anchor'))).toHaveLength(1);
  const gaps = async () =>
    (await journal.page({ order: 'newest', limit: 20 })).entries.filter(({ act }) => act === 'audit.gap')
      .length;
  await expect.poll(gaps).toBe(1);
});
