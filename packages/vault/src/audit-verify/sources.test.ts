import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sampleLog, writeFiles } from './fixtures/sample-log.ts';
import { folderSource } from './folder-source.ts';
import { urlSource } from './url-source.ts';
import { verifyLog } from './verify-log.ts';

const { files, vkey, notes } = sampleLog();
const unreadable = { code: 'log_unreadable' };
const escapes = [
  '../secret',
  '..',
  '.',
  '',
  '/etc/passwd',
  'logs//x',
  'logs/./x',
  'a\\b',
  'a\u0000b',
  'logs/é',
  'a b',
];

describe('a folder', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'sealgate-log-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  test('is verified as it was written', async () => {
    await writeFiles(directory, files);
    const verdict = await verifyLog(folderSource(directory), { vkeys: [vkey] });
    assert.deepEqual([verdict.state, verdict.notes], ['ok', notes]);
  });

  test.each(escapes)('is not left through %j', async (path) => {
    await expect(folderSource(join(directory, 'inner')).read(path, 100)).rejects.toMatchObject(unreadable);
  });

  test('gives nothing where nothing is', async () => {
    mkdirSync(join(directory, 'there'));
    for (const path of ['nothing', 'no/folder', 'there/nothing'])
      assert.equal(await folderSource(directory).read(path, 100), undefined);
  });

  test('leads nowhere by links, to files or to folders', async () => {
    mkdirSync(join(directory, 'log'));
    mkdirSync(join(directory, 'outside'));
    writeFileSync(join(directory, 'outside', 'file'), 'secret');
    symlinkSync('../outside/file', join(directory, 'log', 'file'));
    symlinkSync('../outside', join(directory, 'log', 'folder'));
    const source = folderSource(join(directory, 'log'));
    for (const path of ['file', 'folder/file'])
      await expect(source.read(path, 100)).rejects.toMatchObject(unreadable);
  });

  test('that is reached by a link itself is the reader’s own choice', async () => {
    mkdirSync(join(directory, 'log'));
    writeFileSync(join(directory, 'log', 'file'), 'text');
    symlinkSync('log', join(directory, 'link'));
    assert.equal(String(await folderSource(join(directory, 'link')).read('file', 100)), 'text');
  });

  test('holds no pipe, no folder for a file, no file for a folder, and nothing too large', async () => {
    execFileSync('mkfifo', [join(directory, 'pipe')]);
    mkdirSync(join(directory, 'folder'));
    writeFileSync(join(directory, 'file'), 'text');
    writeFileSync(join(directory, 'large'), '');
    truncateSync(join(directory, 'large'), 2 ** 40);
    const source = folderSource(directory);
    for (const path of ['pipe', 'folder', 'file/inner', 'large'])
      await expect(source.read(path, 100)).rejects.toMatchObject(unreadable);
    await expect(source.read('file', 3)).rejects.toMatchObject(unreadable);
    assert.equal(String(await source.read('file', 4)), 'text');
  });

  test('that a link is put into makes the verdict unreadable', async () => {
    await writeFiles(directory, files);
    renameSync(join(directory, 'logs', 'acme'), join(directory, 'elsewhere'));
    symlinkSync('../elsewhere', join(directory, 'logs', 'acme'));
    assert.equal((await verifyLog(folderSource(directory), { vkeys: [vkey] })).state, 'unreadable');
  });
});

describe('an address', () => {
  let server: Server;
  let origin = '';
  let answer: (path: string) => { status: number; body?: Buffer; location?: string } | undefined;
  beforeEach(async () => {
    answer = (path) => {
      const body = files.get(path.replace('/log/', ''));
      return body === undefined ? { status: 404 } : { status: 200, body };
    };
    server = createServer((request, response) => {
      // What a server of files does: one decoding.
      const found = answer(decodeURIComponent(request.url ?? ''));
      if (found === undefined) return request.socket.destroy();
      const location = found.location === undefined ? {} : { location: found.location };
      response.writeHead(found.status, location).end(found.body);
      return undefined;
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  test('is verified as the folder is', async () => {
    for (const address of [`${origin}/log`, `${origin}/log/`]) {
      const verdict = await verifyLog(urlSource(address, fetch), { vkeys: [vkey] });
      assert.deepEqual([verdict.state, verdict.notes], ['ok', notes]);
    }
  });

  test.each([
    'http://log.example/audit',
    'http://127.0.0.1.example/audit',
    'http://localhost.example/',
    'ftp://127.0.0.1/',
    'file:///etc',
    'log.example/audit',
    'https://log.example/audit?x=1',
    'https://log.example/audit#x',
    'https://me:hunter22@log.example/audit',
    'https://me@log.example/audit',
    '',
  ])('is refused when it is %j', (address) => {
    expect(() => urlSource(address, fetch)).toThrow(expect.objectContaining(unreadable));
  });

  test('is taken when it is safe', () => {
    for (const address of [
      'https://log.example/audit',
      'http://localhost:1/',
      'http://[::1]:1/',
      'http://127.0.0.2',
    ])
      urlSource(address, fetch);
  });

  test.each(escapes)('is not asked for %j', async (path) => {
    const never = () => Promise.reject(new Error('it was asked'));
    await expect(urlSource(origin, never).read(path, 100)).rejects.toMatchObject(unreadable);
  });

  test('leads nowhere else, has answers of no other kind, and none too large', async () => {
    const source = urlSource(origin, fetch);
    for (const wrong of [
      { status: 302, location: `${origin}/other` },
      { status: 500 },
      { status: 204 },
      { status: 401 },
    ]) {
      answer = () => wrong;
      await expect(source.read('file', 100)).rejects.toMatchObject(unreadable);
    }
    answer = () => undefined;
    await expect(source.read('file', 100)).rejects.toMatchObject(unreadable);
    answer = () => ({ status: 200, body: Buffer.alloc(101) });
    await expect(source.read('file', 100)).rejects.toMatchObject(unreadable);
    assert.equal((await source.read('file', 101))?.length, 101);
    for (const status of [404, 410]) {
      answer = () => ({ status });
      assert.equal(await source.read('file', 100), undefined);
    }
  });
});
