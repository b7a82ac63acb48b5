import { randomBytes } from 'node:crypto';
import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { buffer } from 'node:stream/consumers';
import { fileArchive } from '@sealgate/vault';
import { createTables } from '@sealgate/vault/dynamodb';
import { testService } from '@sealgate/vault/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connectionOf, dynamoEnvironment } from './backing/database.ts';
import { connectHttp } from './fixtures/clients.ts';
import { freePort } from '../packages/vault/src/testing/free-port.ts';
import { startKeyed, type KeyedUpstream } from './fixtures/keyed.ts';
import { keyedPlan } from './fixtures/plans.ts';
import { leaksIn } from './leaks.ts';
import { letIn, openPerson, type LetIn } from './fixtures/sign-in.ts';
import {
  done,
  freshDataDir,
  overSocket,
  removeDataDir,
  sealgate,
  startSealgate,
  type Running,
  type StartOptions,
} from './start.ts';

// The data of a gateway that is in use, taken away, brought in elsewhere, and moved to another database and back. What it
// is judged by: a client that was let in before gets on with its refresh token, and the credential of before is lent.

const secret = `canary-${randomBytes(18).toString('base64url')}`;
const endpoint = await testService('dynamodb');

let keyed: KeyedUpstream;
let dataDir = '';
let client: LetIn;
// What tokens are good for is an address: every gateway here has the same.
let port = '';
const directories: string[] = [];

async function fresh(): Promise<string> {
  const directory = await freshDataDir();
  directories.push(directory);
  return directory;
}

/** A name in a directory of its own, where nothing is yet. */
async function away(): Promise<string> {
  return join(await fresh(), 'out');
}

beforeAll(async () => {
  port = String(await freePort());
  keyed = await startKeyed({ in: 'bearer' }, secret);
  dataDir = await fresh();
  await done(dataDir, ['upstreams', 'add', 'shop', '--url', keyed.url, '--credential', 'bearer']);
  await done(dataDir, ['connections', 'set', 'shop'], secret);
  const gateway = await startSealgate({ dataDir, env: { PORT: port }, signedIn: false });
  const link = async (): Promise<string> => (await done(dataDir, ['sign-in'])).trim();
  client = await letIn(gateway.origin, openPerson(link));
  await works(gateway, client.accessToken);
  await gateway.stop();
}, 180_000);
afterAll(async () => {
  await keyed?.close();
  for (const directory of directories) await removeDataDir(directory);
});

/** The token is taken, and the credential of before is lent. */
async function works({ origin }: Running, bearer: string): Promise<void> {
  const connected = await connectHttp({ url: `${origin}/mcp/shop`, bearer }, 'modern');
  for (const { method, params } of keyedPlan.requests ?? [])
    expect(await connected.request(method, params)).toHaveProperty('tools');
  await connected.close();
}

/** A gateway on this data knows the client by its refresh token. @returns the next one */
async function startedWorks(options: StartOptions, refreshToken = client.refreshToken): Promise<string> {
  const gateway = await startSealgate({ signedIn: false, ...options, env: { PORT: port, ...options.env } });
  try {
    const answer = await fetch(`${gateway.origin}/token`, {
      method: 'POST',
      body: new URLSearchParams({
        grant_type: 'refresh_token',
        client_id: client.clientId,
        refresh_token: refreshToken,
      }),
    });
    const given = (await answer.json()) as { readonly access_token: string; readonly refresh_token: string };
    expect(given).toMatchObject({ access_token: expect.any(String) });
    await works(gateway, given.access_token);
    return given.refresh_token;
  } finally {
    await gateway.stop();
  }
}

/** What the journal of a data directory says of copies, the newest first: act, object, actor, source, outcome. */
async function copiesIn(directory: string): Promise<readonly unknown[]> {
  const listed = await done(directory, ['audit', 'list', '--limit', '1000', '--json']);
  const entries = JSON.parse(listed) as readonly Noted[];
  const outcomeOf = ({ id }: Noted): unknown => entries.find(({ cause }) => cause === id)?.out;
  return entries
    .filter(({ act }) => act?.startsWith('data.'))
    .map((entry) => [entry.act, entry.obj, entry.actor?.type, entry.src?.source, outcomeOf(entry)]);
}

interface Noted {
  readonly id: string;
  readonly act?: string;
  readonly obj?: string;
  readonly actor?: { readonly type: string };
  readonly src?: { readonly source: string };
  readonly cause?: string;
  readonly out?: string;
}

const noted = (act: string, object: unknown, out = 'success') => [act, object, 'person', 'cli', out];
const rows = expect.stringMatching(/^[1-9]\d* rows$/) as unknown;

describe('an export', () => {
  it('takes blobs along and brings them in as they are, and both journals say so', async () => {
    const [home, target, out] = [await fresh(), await fresh(), await away()];
    await done(home, ['upstreams', 'list']);
    const blobs = { 'u1/report.pdf': randomBytes(300_000), 'u1/empty': Buffer.alloc(0), z: randomBytes(1) };
    const from = fileArchive(join(home, 'blobs'));
    for (const [name, body] of Object.entries(blobs)) await from.put(name, body);
    const counted = expect.stringMatching(/^[1-9]\d* rows,3 blobs,300001 bytes of blobs$/) as unknown;
    const exported = await done(home, ['export', out, '--with-keyring', '--blobs', '--json']);
    expect(JSON.parse(exported)).toMatchObject({ blobs: { blobs: 3, bytes: 300_001 } });
    expect(await copiesIn(home)).toEqual([
      noted('data.exported', counted),
      noted('data.export', 'tables,journal,keyring,blobs'),
    ]);
    const imported = await done(target, ['import', out, '--blobs', '--json']);
    expect(JSON.parse(imported)).toMatchObject({ blobs: { blobs: 3, bytes: 300_001 } });
    const there = fileArchive(join(target, 'blobs'));
    for (const [name, body] of Object.entries(blobs))
      expect(await buffer((await there.get(name))!.body)).toEqual(body);
    expect(await copiesIn(target)).toEqual([
      noted('data.imported', counted),
      noted('data.export', 'tables,journal,keyring,blobs'),
    ]);
    expect(await done(target, ['audit', 'verify'])).toContain('Intact');
    // A blob that is not what was exported is not brought in.
    await fileArchive(join(out, 'blobs')).put('z', randomBytes(2));
    const changed = await sealgate(await fresh(), ['import', out, '--blobs']);
    expect([changed.code, changed.stderr]).toEqual([1, expect.stringContaining('(export_invalid)')]);
  }, 120_000);

  it('that fails on the way is in the journal with why', async () => {
    const home = await fresh();
    await done(home, ['upstreams', 'list']);
    rmSync(join(home, 'blobs'), { recursive: true });
    symlinkSync('/nowhere/at/all', join(home, 'blobs'));
    const failed = await sealgate(home, ['export', await away(), '--blobs']);
    expect(failed.code).toBe(1);
    rmSync(join(home, 'blobs'));
    expect(await copiesIn(home)).toEqual([
      noted('data.exported', 'nothing', 'failure'),
      noted('data.export', 'tables,journal,blobs'),
    ]);
  });

  it('opens elsewhere with its keyring, and everything is there', async () => {
    const out = await away();
    const said = await done(dataDir, ['export', out, '--with-keyring', '--blobs']);
    expect(said).toContain('whoever has this directory can open everything');
    expect(statSync(out).mode & 0o777).toBe(0o700);
    const target = await fresh();
    const imported = JSON.parse(await done(target, ['import', out, '--blobs', '--json'])) as object;
    expect(imported).toMatchObject({ journal: 'brought in', keyring: 'brought in', tables: { ended: 0 } });
    await startedWorks({ dataDir: target });
    const listed = await done(target, ['audit', 'list', '--json']);
    expect(listed).toContain('connection.set');
    expect(await done(target, ['audit', 'verify'])).toContain('Intact');
  }, 120_000);

  it('shows no secret, and without the keyring no key', async () => {
    const out = await away();
    await done(dataDir, ['export', out]);
    const files = readdirSync(out, { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
    expect(files.map(({ name }) => name)).not.toContain('keyring.json');
    const { keys } = JSON.parse(readFileSync(join(dataDir, 'keyring.json'), 'utf8')) as {
      keys: readonly { readonly key: string }[];
    };
    const secrets = [secret, client.accessToken, client.refreshToken, ...keys.map(({ key }) => key)];
    for (const { parentPath, name } of files) {
      expect(statSync(join(parentPath, name)).mode & 0o777).toBe(0o600);
      expect(leaksIn(name, readFileSync(join(parentPath, name)), secrets)).toEqual([]);
    }
  });

  it('is made beside a running gateway: calls go on, changes wait', async () => {
    const gateway = await startSealgate({ dataDir, env: { PORT: port }, signedIn: false });
    try {
      const out = await away();
      let going = true;
      const finished = sealgate(dataDir, ['export', out]).finally(() => (going = false));
      const said: string[] = [];
      for (let n = 0; going; n += 1) {
        const upstream = { kind: 'http', name: `n${n}`, url: keyed.url };
        said.push(await overSocket(dataDir, 'upstreams.add', { upstream }));
        if (n % 5 === 0) await works(gateway, client.accessToken);
        await sleep(100);
      }
      expect(await finished).toMatchObject({ code: 0 });
      const frozen = said.filter((line) => line.includes('store_frozen'));
      expect(frozen.length).toBeGreaterThan(0);
      const exported = readFileSync(join(out, 'mcp_servers.ndjson'), 'utf8');
      // What was taken before the freeze is in it, what was refused or came later is not.
      const first = said.findIndex((line) => line.includes('store_frozen'));
      for (const at of said.keys()) expect([at, exported.includes(`"n${at}"`)]).toEqual([at, at < first]);
      await expect
        .poll(
          () =>
            overSocket(dataDir, 'upstreams.add', {
              upstream: { kind: 'http', name: 'after', url: keyed.url },
            }),
          { timeout: 10_000 },
        )
        .toContain('"ok":true');
      // The gateway has the journal, and wrote it.
      expect((await copiesIn(dataDir)).slice(0, 2)).toEqual([
        noted('data.exported', rows),
        noted('data.export', 'tables,journal'),
      ]);
    } finally {
      await gateway.stop();
    }
  }, 120_000);

  it('is not made twice into one directory, nor of nothing', async () => {
    const out = await away();
    await done(dataDir, ['export', out]);
    expect(await sealgate(dataDir, ['export', out])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('(store_filled)'),
    });
    const empty = await fresh();
    expect(await sealgate(empty, ['export', await away()])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('(export_invalid)'),
    });
    expect(readdirSync(empty)).not.toContain('main.db');
  });
});

describe('an import is refused before anything is written', () => {
  let out = '';
  beforeAll(async () => {
    out = await away();
    await done(dataDir, ['export', out, '--with-keyring']);
  });
  async function refusedWith(
    code: string,
    edit: (copy: string) => void,
    env: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const copy = await away();
    cpSync(out, copy, { recursive: true });
    edit(copy);
    const target = await fresh();
    const { code: exit, stderr } = await sealgate(target, ['import', copy], { env });
    expect([exit, stderr]).toEqual([1, expect.stringContaining(`(${code})`)]);
    expect(readdirSync(target).filter((name) => name !== 'lock.db')).toEqual([]);
  }
  const edited = (file: string, change: (text: string) => string) => (copy: string) =>
    writeFileSync(join(copy, file), change(readFileSync(join(copy, file), 'utf8')), { mode: 0o600 });

  it('without its keyring, and with another one', async () => {
    await refusedWith('key_unavailable', (copy) => {
      edited('manifest.json', (text) => text)(copy);
      const manifest = JSON.parse(readFileSync(join(copy, 'manifest.json'), 'utf8')) as {
        files: Record<string, unknown>;
      };
      delete manifest.files['keyring.json'];
      rmSync(join(copy, 'keyring.json'));
      writeFileSync(join(copy, 'manifest.json'), JSON.stringify(manifest));
    });
    const other = await fresh();
    await done(other, ['upstreams', 'list']);
    const target = await fresh();
    cpSync(join(other, 'keyring.json'), join(target, 'keyring.json'));
    const refused = await sealgate(target, ['import', out]);
    expect(refused.stderr).toContain('(key_unavailable)');
    expect(existsSync(join(target, 'main.db'))).toBe(false);
  });

  it('with another kind of root key', () =>
    refusedWith('key_unavailable', () => undefined, {
      TOKEN_ENCRYPTION_KEY: randomBytes(32).toString('base64'),
    }));

  it('with a changed manifest: nobody else can sign it', async () => {
    await refusedWith(
      'export_invalid',
      edited('manifest.json', (text) => text.replace('"sqlite"', '"other"')),
    );
  });

  it('with a row of somebody else and every digest right', () =>
    refusedWith('export_invalid', (copy) => {
      const users = readFileSync(join(copy, 'users.ndjson'), 'utf8');
      const changed = users.replace(/"createdAtMs":\d+/, '"createdAtMs":1');
      expect(changed).not.toBe(users);
      edited('users.ndjson', () => changed)(copy);
    }));

  it('with the file of another deployment', async () => {
    const other = await fresh();
    await done(other, ['upstreams', 'list']);
    const theirs = await away();
    await done(other, ['export', theirs]);
    await refusedWith('export_invalid', (copy) =>
      cpSync(join(theirs, 'deployment.ndjson'), join(copy, 'deployment.ndjson')),
    );
  });

  it('with a link in it, or a journal that was changed', async () => {
    await refusedWith('export_invalid', (copy) => {
      rmSync(join(copy, 'users.ndjson'));
      symlinkSync('/etc/passwd', join(copy, 'users.ndjson'));
    });
    await refusedWith('export_invalid', (copy) => {
      const bytes = readFileSync(join(copy, 'journal.db'));
      bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
      writeFileSync(join(copy, 'journal.db'), bytes, { mode: 0o600 });
    });
  });

  it('where data is already', async () => {
    const before = readFileSync(join(dataDir, 'keyring.json'));
    expect(await sealgate(dataDir, ['import', out])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('(store_filled)'),
    });
    expect(readFileSync(join(dataDir, 'keyring.json'))).toEqual(before);
  });
});

describe.skipIf(endpoint === undefined)('a move', () => {
  it('to DynamoDB and back keeps everything, and what is left behind takes no changes', async () => {
    const env = { ...dynamoEnvironment(endpoint ?? '') };
    await createTables(connectionOf(env));
    const { MAIN_DB_TYPE: _, ...beside } = env;
    const here = await fresh();
    await done(dataDir, ['export', join(here, 'out'), '--with-keyring']);
    const home = join(here, 'home');
    await done(home, ['import', join(here, 'out')]);

    const moved = await sealgate(home, ['migrate', '--to', 'dynamodb', '--json'], { env: beside });
    expect(moved).toMatchObject({ code: 0, stderr: '' });
    const there = JSON.parse(moved.stdout) as { settings: object; tables: object };
    expect(there.settings).toMatchObject({
      MAIN_DB_TYPE: 'dynamodb',
      DYNAMODB_TABLE_PREFIX: env.DYNAMODB_TABLE_PREFIX,
    });
    expect(existsSync(join(home, 'migration'))).toBe(false);
    await expect(startSealgate({ dataDir: home, signedIn: false })).rejects.toThrow(
      /moved to DynamoDB.*store_frozen/,
    );
    expect(await sealgate(home, ['upstreams', 'list'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('(store_frozen)'),
    });
    const second = await startedWorks({ dataDir: home, env });

    // Twenty seconds pass until no write of another instance can be under way.
    const back = await sealgate(home, ['migrate', '--to', 'sqlite', '--json'], { env });
    expect(back).toMatchObject({ code: 0, stderr: '' });
    const returned = JSON.parse(back.stdout) as { settings: object; setAside: string };
    expect(returned.settings).toEqual({ MAIN_DB_TYPE: 'sqlite' });
    expect(existsSync(returned.setAside)).toBe(true);
    const third = await startedWorks({ dataDir: home }, second);
    await expect(startSealgate({ dataDir: home, env, signedIn: false })).rejects.toThrow(/moved to SQLite/);

    expect(third).toEqual(expect.any(String));
    expect(await sealgate(home, ['migrate', '--release', '--json'], { env })).toMatchObject({ code: 0 });
    expect(await sealgate(home, ['upstreams', 'list'], { env })).toMatchObject({ code: 0 });
  }, 240_000);

  it('is refused where the data is already, and where nothing says what to do', async () => {
    expect(await sealgate(dataDir, ['migrate', '--to', 'sqlite'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('already'),
    });
    expect(await sealgate(dataDir, ['migrate'])).toMatchObject({ code: 2 });
    expect(await sealgate(dataDir, ['migrate', '--to', 'dynamodb'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('DYNAMODB_REGION'),
    });
    expect(await sealgate(dataDir, ['upstreams', 'list'])).toMatchObject({ code: 0 });
  });
});
