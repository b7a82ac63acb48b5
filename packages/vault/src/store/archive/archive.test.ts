import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import { archiveContract } from '../archive-contract.ts';
import { allBlobs, readBlob, type OpenArchive } from '../contract/archive-case.ts';
import { memoryArchive } from '../memory/archive.ts';
import { fileArchive } from './file-archive.ts';

const inMemory: OpenArchive = async () => {
  const archive = memoryArchive();
  return { archive, close: archive.close };
};

const inFiles: OpenArchive = async () => {
  const directory = mkdtempSync(join(tmpdir(), 'archive-'));
  return { archive: fileArchive(directory), close: async () => rmSync(directory, { recursive: true }) };
};

describe.each([
  ['memory', inMemory],
  ['files', inFiles],
])('archive in %s', (_, open) => {
  it.each(archiveContract)('$name', ({ run }) => run(open));
});

describe('archive in files', () => {
  it('nobody else can read a blob or its folder, and no draft is left behind', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'archive-'));
    const archive = fileArchive(join(directory, 'blobs'));
    await archive.put('a/b/c', Buffer.from('x'));
    await expect(archive.put('d', failing())).rejects.toThrow('failed');
    for (const entry of readdirSync(directory, { recursive: true }))
      expect(statSync(join(directory, String(entry))).mode & 0o077).toBe(0);
    expect(readdirSync(join(directory, 'blobs', '~drafts'))).toEqual([]);
    chmodSync(join(directory, 'blobs'), 0o755);
    expect(() => fileArchive(join(directory, 'blobs'))).toThrow(
      expect.objectContaining({ code: 'data_directory_unsafe' }),
    );
    rmSync(directory, { recursive: true });
  });

  it('links that somebody planted lead nowhere', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'archive-'));
    const outside = mkdtempSync(join(tmpdir(), 'outside-'));
    writeFileSync(join(outside, 'secret~'), 'outside');
    const archive = fileArchive(directory);
    symlinkSync(outside, join(directory, 'link'));
    symlinkSync(join(outside, 'secret~'), join(directory, 'file~'));
    const unavailable = expect.objectContaining({ code: 'store_unavailable' });
    await expect(archive.get('link/secret')).rejects.toEqual(unavailable);
    await expect(archive.put('link/new', Buffer.from('x'))).rejects.toEqual(unavailable);
    await expect(archive.remove('link/secret')).rejects.toEqual(unavailable);
    await expect(archive.get('file')).rejects.toEqual(unavailable);
    await archive.put('file', Buffer.from('ours'));
    expect(readdirSync(outside)).toEqual(['secret~']);
    expect((await allBlobs(archive, '', 10)).map(({ name }) => name)).toEqual(['file']);
    rmSync(directory, { recursive: true });
    rmSync(outside, { recursive: true });
  });

  it('a folder that stands where a blob should be is no blob', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'archive-'));
    const archive = fileArchive(directory);
    mkdirSync(join(directory, 'n~'));
    await expect(archive.get('n')).rejects.toMatchObject({ code: 'store_unavailable' });
    rmSync(directory, { recursive: true });
  });

  it('after kill -9 every acknowledged blob is there whole, and no other by half', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'archive-'));
    const program = `
      import { writeSync } from 'node:fs';
      import { fileArchive } from ${JSON.stringify(new URL('./file-archive.ts', import.meta.url).href)};
      const archive = fileArchive(${JSON.stringify(directory)});
      for (let n = 0; ; n += 1) {
        await archive.put('n/' + n, new Uint8Array(300000).fill(n % 256));
        writeSync(1, n + '\\n');
      }`;
    const writer = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let acknowledged = -1;
    for await (const line of createInterface(writer.stdout)) {
      acknowledged = Number(line);
      if (acknowledged === 30) writer.kill('SIGKILL');
    }
    if (writer.exitCode === null && writer.signalCode === null) await once(writer, 'exit');
    const archive = fileArchive(directory);
    const found = await allBlobs(archive, 'n/', 1000);
    expect(found.length).toBeGreaterThan(acknowledged);
    for (const { name } of found)
      expect(await readBlob(archive, name)).toEqual(Buffer.alloc(300_000, Number(name.slice(2)) % 256));
    rmSync(directory, { recursive: true });
  });
});

async function* failing(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('begun');
  throw new Error('failed');
}
