import { readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FillableTables } from '../tables-on-engine.ts';
import { checkFiles } from './check-files.ts';
import { exported, fileTables, freshDirectory, quiet, seed } from './fixtures/stores.ts';
import { lineBytesMax } from './line-file.ts';
import { readManifest, type Manifest } from './manifest.ts';

// What somebody did to an export on its way is found before anything is written.

let home: ReturnType<typeof freshDirectory>;
let out: string;
let manifest: Manifest;
let source: FillableTables;
beforeEach(async () => {
  home = freshDirectory();
  const away = freshDirectory();
  out = away.path;
  source = fileTables(home.path);
  await seed(source, 5);
  manifest = await exported(source, out);
});
afterEach(async () => {
  await source.close();
  home.remove();
  rmSync(out, { recursive: true, force: true });
});

const users = (): string => join(out, 'users.ndjson');
const lines = (): string[] => readFileSync(users(), 'utf8').trimEnd().split('\n');
const write = (changed: readonly string[]): void =>
  writeFileSync(users(), changed.map((line) => `${line}\n`).join(''));
const invalid = { code: 'export_invalid' };

/** As someone who can compute digests, and cannot sign. */
function consistent(): Manifest {
  const bytes = readFileSync(users());
  const entry = manifest.tables.users;
  if (entry === undefined) throw new Error('no users');
  return {
    ...manifest,
    tables: {
      ...manifest.tables,
      users: { ...entry, bytes: bytes.length, sha256: hash('sha256', bytes) },
    },
  };
}

describe('a file', () => {
  const edits: Record<string, () => void> = {
    'with an edited line': () => write(lines().map((line) => line.replace('"u3"', '"u9"'))),
    'without a line': () => write(lines().slice(1)),
    'with a line twice': () => write([...lines(), ...lines().slice(0, 1)]),
    'with a line twice more, which XOR does not show': () =>
      write([...lines(), ...Array(2).fill(lines()[0])]),
    'with a line that is no JSON': () => write([...lines(), '{']),
    'with a line of another form': () => write(lines().map((line) => line.replace('{', '{ '))),
    'with a line that is no item': () => write([...lines(), '[]']),
    'with an item outside the rules': () => write([...lines(), '{"userId":""}']),
    'with a member twice': () => write([...lines(), '{"userId":"a","userId":"b"}']),
    'cut off': () => writeFileSync(users(), readFileSync(users()).subarray(0, -3)),
    'with an oversized line': () => write([`{"userId":"${'a'.repeat(lineBytesMax)}"}`]),
    'that is not text': () => writeFileSync(users(), Buffer.from([0xff, 0xfe, 0x0a])),
    'that is missing': () => rmSync(users()),
    'of another table': () => renameSync(join(out, 'groups.ndjson'), users()),
    'that is a link': () => {
      renameSync(users(), join(out, 'elsewhere'));
      symlinkSync(join(out, 'elsewhere'), users());
    },
    'that is a directory link': () => {
      rmSync(users());
      symlinkSync('/etc', users());
    },
  };
  it.each(Object.entries(edits))('%s is refused', async (_, edit) => {
    edit();
    await expect(checkFiles(out, manifest, quiet)).rejects.toMatchObject(invalid);
  });

  it.each(Object.entries(edits).filter(([name]) => /^(?:with|cut|that is not)/.test(name)))(
    '%s is refused though the digest of the file was set right: the rows still tell',
    async (_, edit) => {
      edit();
      await expect(checkFiles(out, consistent(), quiet)).rejects.toMatchObject(invalid);
    },
  );

  it('that nobody touched is taken', async () => {
    await checkFiles(out, consistent(), quiet);
  });
});

describe('a manifest', () => {
  const rewrite = (changes: object): void =>
    writeFileSync(join(out, 'manifest.json'), JSON.stringify({ ...manifest, ...changes }));
  const entry = () => manifest.tables.users;
  const edits: Record<string, () => object> = {
    'of another form': () => ({ format: 'sealgate-export-2' }),
    'that names a path': () => ({ tables: { ...manifest.tables, '../../etc/passwd': entry() } }),
    'that names a table that is left behind': () => ({ tables: { ...manifest.tables, records: entry() } }),
    'that names a table of every object': () => ({ tables: JSON.parse('{"__proto__":{}}') as object }),
    'that names a file of its own': () => ({
      files: { '../keyring.json': { bytes: 1, sha256: '0'.repeat(64) } },
    }),
    'with a count that is none': () => ({ tables: { users: { ...entry(), rows: -1 } } }),
    'with a digest that is none': () => ({ tables: { users: { ...entry(), digest: '..' } } }),
    'without a signature': () => ({ mac: '' }),
  };
  it.each(Object.entries(edits))('%s is refused', async (_, edit) => {
    rewrite(edit());
    await expect(readManifest(out)).rejects.toMatchObject(invalid);
  });

  it.each(['', '[]', 'null', '{"format":', 'x'.repeat(2 * 1024 * 1024)])(
    '%# of no use is refused',
    async (text) => {
      writeFileSync(join(out, 'manifest.json'), text);
      await expect(readManifest(out)).rejects.toMatchObject(invalid);
    },
  );

  it('is written last: without one there is no export', async () => {
    rmSync(join(out, 'manifest.json'));
    expect(await readManifest(out)).toBeUndefined();
  });
});
