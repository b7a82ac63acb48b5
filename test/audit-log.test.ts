import { randomBytes } from 'node:crypto';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { folderSource, openTlogProof, verifyLog } from '@sealgate/vault/audit-verify';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startKeyed, type KeyedUpstream } from './fixtures/keyed.ts';
import { legacyCall, modernCall, rawHttp, type RawAnswer } from './fixtures/raw-http.ts';
import { leaksIn, leaksUnder } from './leaks.ts';
import { done, freshDataDir, removeDataDir, sealgate, startSealgate, type Running } from './start.ts';

// The audit log of a gateway that was used, stopped, killed and started again: a stranger finds every call in it, and nothing
// that was secret; whoever changes a byte of it is found out.

const canary = (): string => randomBytes(18).toString('base64url');
const canaries = {
  key: canary(),
  header: canary(),
  parameter: canary(),
  // In fields that the operator keeps in clear.
  bearer: canary(),
  token: canary(),
  address: canary(),
  refused: canary(),
};
const secrets = Object.values(canaries);

let dataDir: string;
let upstream: KeyedUpstream;
const logged: string[] = [];
/** Tools that were called; their names stand in the log. */
const called: string[] = [];
let exported: string;
/** What was found by the value of a parameter. */
let found: readonly {
  readonly act?: string;
  readonly pol?: number;
  readonly req?: { readonly params?: unknown };
}[];
const lineFiles = () => ({
  jsonl: `${exported}.jsonl`,
  csv: `${exported}.csv`,
  ocsf: `${exported}.ocsf.jsonl`,
});
let checkpoint: { readonly vkeys: readonly string[]; readonly origin: string; readonly size: number };

beforeAll(async () => {
  dataDir = await freshDataDir();
  exported = `${dataDir}-log`;
  upstream = await startKeyed({ in: 'bearer' }, canaries.key);
  let gateway = await startSealgate({ dataDir, env: { LOG_LEVEL: 'debug' } });
  const clear = ['query', 'options', 'uri'].flatMap((field) => ['--audit', `${field}=clear`]);
  const where = ['--url', upstream.url, '--credential', 'bearer'];
  await done(dataDir, ['upstreams', 'add', 'keyed', ...where, ...clear]);
  await done(dataDir, ['connections', 'set', 'keyed'], canaries.key);
  await calls(gateway, 'first');
  await gateway.stop();
  logged.push(gateway.stderr());
  gateway = await startSealgate({ dataDir, env: { LOG_LEVEL: 'debug' } });
  await calls(gateway, 'killed');
  await gateway.kill();
  logged.push(gateway.stderr());
  gateway = await startSealgate({ dataDir, env: { LOG_LEVEL: 'debug' } });
  await calls(gateway, 'last');
  found = JSON.parse(
    await done(dataDir, [
      'audit',
      'list',
      '--param',
      `text=${canaries.parameter}`,
      '--limit',
      '99',
      '--json',
    ]),
  ) as typeof found;
  for (const [format, file] of Object.entries(lineFiles()))
    await done(dataDir, ['audit', 'export', '--format', format, '--out', file]);
  checkpoint = JSON.parse(await done(dataDir, ['audit', 'checkpoint', '--json'])) as typeof checkpoint;
  await done(dataDir, ['audit', 'export', '--format', 'log', '--out', exported]);
  await gateway.stop();
  logged.push(gateway.stderr());
}, 300_000);
afterAll(async () => {
  await upstream.close();
  await removeDataDir(dataDir);
  for (const path of [exported, ...Object.values(lineFiles())])
    await rm(path, { recursive: true, force: true });
});

/** Calls that go well, that fail at the upstream, and that the gateway refuses. */
async function calls(gateway: Running, when: string): Promise<void> {
  const tools = ['report', 'leak', ...[1, 2, 3].map((n) => `${when}-${n}`)];
  const answers = await Promise.all(tools.map((tool) => call(gateway, tool, gateway.bearer)));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 404, 404, 404]);
  called.push(...tools);
  const { headers, body } = resourceRead(`https://keyed.example/list?key=${canaries.address}`);
  const sent = { ...headers, authorization: `Bearer ${gateway.bearer}` };
  await rawHttp(gateway.upstream('keyed').url, { headers: sent, body });
  expect((await call(gateway, 'refused', canaries.refused)).status).toBe(401);
}

function call(gateway: Running, tool: string, bearer: string): Promise<RawAnswer> {
  const { headers, body } = modernCall(1, tool, {
    text: canaries.parameter,
    deep: [{ [canaries.parameter]: 1 }],
    query: 'red shoes',
    options: { authorization: canaries.token, sort: ['price', `Bearer ${canaries.bearer}`] },
  });
  const sent = { ...headers, authorization: `Bearer ${bearer}`, 'x-canary': canaries.header };
  return rawHttp(gateway.upstream('keyed').url, { headers: sent, body });
}

function resourceRead(uri: string) {
  const { headers } = legacyCall(1, 'any', {});
  return {
    headers,
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'resources/read', params: { uri } }),
  };
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

interface DisclosedBody {
  readonly body: string;
}

async function bodies(): Promise<string[]> {
  const files = (await filesIn(exported)).filter((file) => file.endsWith('.jsonl'));
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8')));
  return texts
    .flatMap((text) => text.trimEnd().split('\n'))
    .map((line) => (JSON.parse(line) as DisclosedBody).body);
}

describe('the log that was exported', () => {
  it('is verified with nothing but the key, and covers the checkpoint that was taken before', async () => {
    const { vkeys } = checkpoint;
    const verdict = await verifyLog(folderSource(exported), { vkeys });
    expect([verdict.state, verdict.findings, verdict.keys]).toEqual(['ok', [], 'given']);
    expect(verdict.bodies).toBeGreaterThan(30);
    expect(checkpoint.origin).toMatch(/\/audit\/root$/);
  });

  it('names every call that was made, before and after it was killed', async () => {
    const asked = (await bodies())
      .map(
        (body) => JSON.parse(body) as { readonly req?: { readonly method?: string; readonly tool?: string } },
      )
      .flatMap(({ req }) => (req?.tool === undefined ? [] : [req.tool]));
    expect(called).toHaveLength(15);
    expect(asked.toSorted()).toEqual(called.toSorted());
  });

  it('has what each call was asked, in tags, and finds a call by what only the asker knows', async () => {
    expect(found.filter(({ act }) => act === 'tool.call')).toHaveLength(15);
    const tag = expect.stringMatching(/^hmac:[\w-]{22}$/) as string;
    for (const { pol, req } of found.filter(({ act }) => act !== undefined)) {
      expect(pol).toBeGreaterThan(1);
      expect(req?.params).toEqual({
        deep: [{ [Object.keys((req!.params as { deep: [object] }).deep[0])[0]!]: tag }],
        options: { authorization: tag, sort: ['price', tag] },
        query: 'red shoes',
        text: tag,
      });
    }
    const leaves = (await bodies()).filter((body) => body.includes('red shoes'));
    expect(leaves).toHaveLength(15);
  });

  it('can be read by its owner alone', async () => {
    expect((await stat(exported)).mode & 0o777).toBe(0o700);
    for (const file of await filesIn(exported)) expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it('has no secret in it, as have the journal, the sealed log and what the process logged', async () => {
    const received = upstream.received
      .map(({ rawHeaders, body }) => JSON.stringify([rawHeaders, body]))
      .join('\n');
    const { key, parameter, bearer, token, address } = canaries;
    for (const secret of [key, parameter, bearer, token, address]) expect(received).toContain(secret);
    for (const file of Object.values(lineFiles())) {
      const text = await readFile(file);
      expect(text.toString()).toContain('red shoes');
      expect(leaksIn(file, text, secrets)).toEqual([]);
    }
    expect(await leaksUnder(exported, secrets)).toEqual([]);
    expect(await leaksUnder(dataDir, secrets)).toEqual([]);
    expect(leaksIn('the log', Buffer.from(logged.join('\n')), secrets)).toEqual([]);
    const names = (await filesIn(dataDir)).map((file) => file.slice(dataDir.length + 1));
    expect(names).toEqual(expect.arrayContaining(['journal.db', 'audit-root.db']));
    expect(names.filter((name) => /^audit\/\d{6}\.db$/.test(name))).not.toEqual([]);
  });

  it('is found to be tampered with when one byte of an entry is another', async () => {
    const bundle = (await filesIn(exported)).find((file) => /logs\/.*tile\/entries/.test(file))!;
    const bytes = await readFile(bundle);
    const at = bytes.indexOf('"act":"') + 7;
    await writeFile(
      bundle,
      bytes.map((byte, index) => (index === at ? byte ^ 1 : byte)),
    );
    expect((await verifyLog(folderSource(exported), { vkeys: checkpoint.vkeys })).state).toBe('tampered');
    await writeFile(bundle, bytes);
    expect((await verifyLog(folderSource(exported), { vkeys: checkpoint.vkeys })).state).toBe('ok');
  });
});

describe('over the data directory, while no gateway runs', () => {
  interface Proven {
    readonly origin: string;
    readonly leaf: string;
    readonly proof: string;
  }

  it('an entry is proven, and nothing that is not there', async () => {
    const [first] = JSON.parse(await done(dataDir, ['audit', 'list', '--act', 'tool.call', '--json'])) as {
      id: string;
    }[];
    const proven = JSON.parse(await done(dataDir, ['audit', 'proof', first!.id, '--json'])) as Proven;
    const trusted = { origin: proven.origin, vkeys: checkpoint.vkeys };
    expect(openTlogProof(proven.proof, Buffer.from(proven.leaf), trusted).index).toBeGreaterThan(0);
    expect(JSON.parse(proven.leaf)).toMatchObject({ id: first!.id });
    expect(await done(dataDir, ['audit', 'proof', first!.id])).toMatch(/^c2sp\.org\/tlog-proof@v1\n/);
    const none = await sealgate(dataDir, ['audit', 'proof', '01932b6e-7a55-7cc3-98c4-dc0c0c073990']);
    expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('not_found')]);
  });

  it('the log goes on, and discloses nobody when it is told to', async () => {
    const later = JSON.parse(await done(dataDir, ['audit', 'checkpoint', '--json'])) as typeof checkpoint;
    expect(later.vkeys).toEqual(checkpoint.vkeys);
    expect(later.size).toBeGreaterThan(checkpoint.size);
    const bare = `${dataDir}-bare`;
    try {
      const told = await done(dataDir, [
        'audit',
        'export',
        '--format',
        'log',
        '--no-bodies',
        '--out',
        bare,
        '--json',
      ]);
      expect(JSON.parse(told)).toMatchObject({ directory: bare, bodies: 0 });
      const verdict = await verifyLog(folderSource(bare), { vkeys: checkpoint.vkeys });
      expect([verdict.state, verdict.bodies]).toEqual(['ok', 0]);
    } finally {
      await rm(bare, { recursive: true, force: true });
    }
  });

  it('a folder that holds something is left alone, and a log is not narrowed', async () => {
    const before = await filesIn(exported);
    const again = await sealgate(dataDir, ['audit', 'export', '--format', 'log', '--out', exported]);
    expect([again.code, again.stderr]).toEqual([1, expect.stringContaining('empty')]);
    expect(await filesIn(exported)).toEqual(before);
    const narrowed = await sealgate(dataDir, [
      'audit',
      'export',
      '--format',
      'log',
      '--out',
      `${dataDir}-x`,
      '--act',
      'tool.call',
    ]);
    expect(narrowed.stderr).toContain('exported whole');
  });
});
