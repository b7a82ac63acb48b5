import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmod,
  mkdtemp,
  open as openFile,
  readFile,
  readdir,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { memoryTables } from '../store/memory/tables.ts';
import { addKeyringKey, openKeyring } from './keyring.ts';
import { openSealer } from './open-sealer.ts';
import { keyProviderContract } from './provider-contract.ts';

const context = { deployment: 'd', tenant: 't', purpose: 'tenant', version: '000001' };
const made: string[] = [];
let file = '';

beforeEach(async () => {
  const directory = await mkdtemp(join(tmpdir(), 'keyring-'));
  made.push(directory);
  file = join(directory, 'keyring.json');
});
afterAll(() => Promise.all(made.map((directory) => rm(directory, { recursive: true }))));

const open = (mayCreate = true) => openKeyring({ file, mayCreate, now: () => 1_700_000_000_000 });
const unavailable = (message: RegExp) => ({
  code: 'key_unavailable',
  message: expect.stringMatching(message),
});

describe('the keyring is a provider', () => {
  test.each(keyProviderContract)('$name', ({ run }) =>
    run(async () => {
      const directory = await mkdtemp(join(tmpdir(), 'keyring-'));
      made.push(directory);
      return openKeyring({ file: join(directory, 'keyring.json'), mayCreate: true, now: () => 1 });
    }),
  );
});

test('it is made at first use, for its owner alone, and leaves nothing beside it', async () => {
  const provider = await open();
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await readdir(join(file, '..'))).toEqual(['keyring.json']);
  expect(await provider.describe()).toMatchObject([{ active: true, createdAtMs: 1_700_000_000_000 }]);
});

test.skipIf(process.platform === 'win32')(
  'a disk that takes only part of it leaves no key behind',
  async () => {
    const script = `const { openKeyring } = await import(${JSON.stringify(new URL('keyring.ts', import.meta.url).href)});
    await openKeyring({ file: ${JSON.stringify(file)}, mayCreate: true, now: Date.now })
      .catch((error) => console.log(error.code));`;
    // The shell's limit of file sizes stands in for a full disk.
    const limited = `trap '' XFSZ; ulimit -f 0; exec "$0" --input-type=module -e "$1"`;
    const { stdout } = spawnSync('sh', ['-c', limited, process.execPath, script], { encoding: 'utf8' });
    expect(stdout.trim()).toBe('key_unavailable');
    expect(await readdir(join(file, '..'))).toEqual([]);
  },
);

describe('it is on the disk before it is used', () => {
  // Every file handle of Node shares one prototype.
  const watch = async (sync: (this: { stat(): Promise<{ isDirectory(): boolean }> }) => Promise<void>) => {
    const handle = await openFile(join(file, '..'), 'r');
    const shared = Object.getPrototypeOf(handle) as { sync: typeof sync };
    await handle.close();
    const own = shared.sync;
    shared.sync = sync;
    return { own, back: () => void (shared.sync = own) };
  };

  test('the content first, then its name, and nobody sees half of it', async () => {
    const seen: unknown[] = [];
    const { own, back } = await watch(async function () {
      const directory = (await this.stat()).isDirectory();
      const draft = (await readdir(join(file, '..'))).find((name) => name.endsWith('.tmp'));
      const written = draft === undefined ? '' : await readFile(join(file, '..', draft), 'utf8');
      const named = await stat(file).then(
        () => true,
        () => false,
      );
      seen.push({ directory, whole: written.endsWith('}\n'), named });
      await own.call(this);
    });
    await open().finally(back);
    expect(seen).toEqual([
      { directory: false, whole: true, named: false },
      { directory: true, whole: false, named: true },
    ]);
  });

  test.each([
    ['its content', false],
    ['its name', true],
  ])('a disk that cannot promise to keep %s gives no provider', async (_, wanted) => {
    const { own, back } = await watch(async function () {
      if ((await this.stat()).isDirectory() === wanted)
        throw Object.assign(new Error('EIO'), { code: 'EIO' });
      await own.call(this);
    });
    await expect(open().finally(back)).rejects.toMatchObject({ code: 'key_unavailable' });
    // What may not be there after a power cut is a whole keyring or none, and never a draft.
    expect(await readdir(join(file, '..'))).toEqual(wanted ? ['keyring.json'] : []);
    await open();
  });
});

describe('at the start it is proved on the data', () => {
  const now = () => 1_700_000_000_000;
  const place = { tenant: 'g', subject: '', table: 't', record: 'r', field: 'f', epoch: 0 };
  const ringOf = async (): Promise<{ keys: object[] }> =>
    JSON.parse(await readFile(file, 'utf8')) as { keys: object[] };
  const write = (ring: object) => writeFile(file, JSON.stringify(ring), { mode: 0o600 });
  const foreign = unavailable(/does not belong to this data/u);

  test('another keyring in its place is refused, whole and healthy as it is', async () => {
    const tables = memoryTables({ now });
    await openSealer({ tables, provider: await open(), now });
    const mine = await readFile(file);
    await rm(file);
    await expect(openSealer({ tables, provider: await open(), now })).rejects.toMatchObject(foreign);
    await writeFile(file, mine);
    await openSealer({ tables, provider: await open(false), now });
  });

  test('a second key in front leaves everything open, and the first cannot be taken out while it is in use', async () => {
    const tables = memoryTables({ now });
    const sealer = await openSealer({ tables, provider: await open(), now });
    const sealed = await sealer.seal('token', place, Buffer.from('x'));
    const first = await ringOf();
    await rm(file);
    await open();
    const second = await ringOf();
    await write({ ...second, keys: [...second.keys, ...first.keys] });
    const both = await openSealer({ tables, provider: await open(false), now });
    expect(await both.open('token', place, sealed)).toEqual(Buffer.from('x'));
    await both.seal('token', { ...place, tenant: 'h' }, Buffer.from('y'));
    const refs = (await tables.scan('tenant_keys', { limit: 10 })).items.map(({ item }) => item['keyRef']);
    expect(new Set(refs).size).toBe(2);
    await write(second);
    await expect(openSealer({ tables, provider: await open(false), now })).rejects.toMatchObject(foreign);
  });
});

test('a later start opens what an earlier one wrapped', async () => {
  const wrapped = await (await open()).generate({ tenant: 't', context });
  const later = await open(false);
  expect(await later.unwrap({ ...wrapped, tenant: 't', context })).toEqual(wrapped.plaintext);
});

test('a lost keyring is never silently replaced', async () => {
  await expect(open(false)).rejects.toMatchObject(unavailable(/backup/u));
  await expect(stat(file)).rejects.toMatchObject({ code: 'ENOENT' });
});

test('of twenty that make it at once, all use the same one', async () => {
  const providers = await Promise.all(Array.from({ length: 20 }, () => open()));
  const refs = await Promise.all(providers.map(async (provider) => (await provider.describe())[0]?.keyRef));
  expect(new Set(refs).size).toBe(1);
  expect(await readdir(join(file, '..'))).toEqual(['keyring.json']);
});

test.each([0o640, 0o604, 0o620, 0o666])(
  'a keyring of mode %o is refused, and the message says the command',
  async (mode) => {
    await open();
    await chmod(file, mode);
    await expect(open()).rejects.toMatchObject(unavailable(/chmod 600/u));
  },
);

test('a link in its place is not followed', async () => {
  await open();
  const link = join(file, '..', 'link.json');
  await symlink(file, link);
  const linked = openKeyring({ file: link, mayCreate: true, now: () => 1 });
  await expect(linked).rejects.toMatchObject({ code: 'key_unavailable' });
});

const secret = randomBytes(32).toString('base64url');
test.each([
  ['nothing', ''],
  ['half a file', '{ "format": "sealgate-keyring-1", "keys": [ { "id": "'],
  ['a list', '[]'],
  ['another format', '{ "format": "sealgate-keyring-2", "keys": [] }'],
  ['no key', '{ "format": "sealgate-keyring-1", "keys": [] }'],
  ['no id', content({ createdAtMs: 1, key: secret })],
  ['no time', content({ id: 'AAAAAAAAAAAAAAAAAAAAAA', key: secret })],
  ['loose base64url', content({ id: 'AAAAAAAAAAAAAAAAAAAAAA', createdAtMs: 1, key: `${secret}=` })],
  ['an id that is not the key’s', content({ id: 'AAAAAAAAAAAAAAAAAAAAAA', createdAtMs: 1, key: secret })],
  [
    'more keys than one can tell apart',
    JSON.stringify({ format: 'sealgate-keyring-1', keys: Array.from({ length: 101 }, () => ({})) }),
  ],
  ['more than a keyring can be', ' '.repeat(70_000)],
])('a file holding %s is refused without showing a byte of it', async (_, text) => {
  await writeFile(file, text, { mode: 0o600 });
  const refusal: unknown = await open().catch((error: unknown) => error);
  expect(refusal).toMatchObject({ code: 'key_unavailable' });
  expect(JSON.stringify(refusal) + String(refusal)).not.toContain(secret);
  expect(await readFile(file, 'utf8')).toBe(text);
});

test.each([
  ['zeros', Buffer.alloc(32)],
  ['text', Buffer.from('correct-horse-battery-staple-123')],
  ['16 bytes', randomBytes(16)],
])('a keyring with a key of %s is refused as weak', async (_, key) => {
  const text = content({ id: 'AAAAAAAAAAAAAAAAAAAAAA', createdAtMs: 1, key: key.toString('base64url') });
  await writeFile(file, text, { mode: 0o600 });
  await expect(open()).rejects.toMatchObject({ code: 'key_weak' });
});

test('a first key put in front becomes the active one, and the old one still opens', async () => {
  const wrapped = await (await open()).generate({ tenant: 't', context });
  const ring = JSON.parse(await readFile(file, 'utf8')) as { keys: unknown[] };
  await rm(file);
  await open();
  const newer = JSON.parse(await readFile(file, 'utf8')) as { keys: unknown[] };
  await writeFile(file, JSON.stringify({ ...newer, keys: [...newer.keys, ...ring.keys] }));
  const both = await open(false);
  expect((await both.describe()).map((key) => key.active)).toEqual([true, false]);
  const moved = await both.rewrap({ ...wrapped, tenant: 't', context });
  expect(moved.keyRef).not.toBe(wrapped.keyRef);
  expect(await both.unwrap({ ...moved, tenant: 't', context })).toEqual(wrapped.plaintext);
});

function content(key: object): string {
  return JSON.stringify({ format: 'sealgate-keyring-1', keys: [key] });
}

describe('a key that is added while the keyring is in use', () => {
  const add = () => addKeyringKey({ file, now: () => 1_700_000_001_000 });

  test('is active from the next wrap on, and what was wrapped before opens', async () => {
    const provider = await open();
    const before = await provider.generate({ tenant: 't', context });
    await add();
    expect(await provider.unwrap({ ...before, tenant: 't', context })).toEqual(before.plaintext);
    const roots = await provider.describe();
    expect(roots.map(({ active, createdAtMs }) => [active, createdAtMs])).toEqual([
      [true, 1_700_000_001_000],
      [false, 1_700_000_000_000],
    ]);
    const after = await provider.rewrap({ ...before, tenant: 't', context });
    expect([before.keyRef, after.keyRef]).toEqual([roots[1]?.keyRef, roots[0]?.keyRef]);
    expect(await provider.unwrap({ ...before, tenant: 't', context })).toEqual(before.plaintext);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readdir(join(file, '..'))).toEqual(['keyring.json']);
  });

  test('is found by a process that did not add it, also when it only opens', async () => {
    const [adding, opening] = [await open(), await open()];
    await add();
    const made = await adding.generate({ tenant: 't', context });
    expect(await opening.unwrap({ ...made, tenant: 't', context })).toEqual(made.plaintext);
  });

  test('is not taken from a file that was damaged; what is open goes on opening', async () => {
    const provider = await open();
    const made = await provider.generate({ tenant: 't', context });
    await writeFile(file, '{}', { mode: 0o600 });
    expect(await provider.unwrap({ ...made, tenant: 't', context })).toEqual(made.plaintext);
    await expect(provider.generate({ tenant: 't', context })).rejects.toMatchObject(unavailable(/damaged/));
    await expect(add()).rejects.toMatchObject(unavailable(/damaged/));
    await rm(file);
    expect(await provider.unwrap({ ...made, tenant: 't', context })).toEqual(made.plaintext);
    await expect(add()).rejects.toMatchObject({ code: 'key_unavailable' });
  });

  test('is never over the hundredth', async () => {
    const provider = await open();
    for (let keys = 1; keys < 100; keys += 1) await add();
    expect((await provider.describe()).length).toBe(100);
    await expect(add()).rejects.toMatchObject(unavailable(/100 keys/));
  });
});
