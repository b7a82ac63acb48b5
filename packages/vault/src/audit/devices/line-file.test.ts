import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Batch } from '../batch.ts';
import { headerLine, lineOf } from './batch-line.ts';
import { openLineFile, type LineFile } from './line-file.ts';

let directory: string;
let path: string;
let files: LineFile[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'sealgate-line-file-'));
  path = join(directory, 'second.jsonl');
  files = [];
});
afterEach(() => {
  for (const file of files) file.close();
  rmSync(directory, { recursive: true });
});

function open(): LineFile {
  const file = openLineFile(path);
  files.push(file);
  return file;
}

function batch(n: number, bytes = 40): Batch {
  const [prev, digest] = [randomBytes(32), randomBytes(32)];
  return { n, writer: 'w', boot: 1, first: n, count: 1, prev, digest, payload: randomBytes(bytes) };
}

const numbers = (batches: readonly Batch[]) => batches.map(({ n }) => n);

test('a batch comes back as it was given', () => {
  const file = open();
  const given = batch(1);
  file.append(given);
  expect(file.last()).toEqual(plain(given));
  expect(file.from(1, 10)).toEqual([plain(given)]);
  expect(file.from(2, 10)).toEqual([]);
});

test('an empty file has no last batch, also when its first line was cut off', () => {
  writeFileSync(path, headerLine.slice(0, 11), { mode: 0o600 });
  const file = open();
  assert.equal(file.last(), undefined);
  assert.deepEqual(file.from(1, 10), []);
  assert.equal(readFileSync(path, 'utf8'), headerLine);
});

test('a last line that was cut off anywhere is passed over, and the next one stands behind it', () => {
  const file = open();
  file.append(batch(1));
  const whole = statSync(path).size;
  const second = lineOf(batch(2));
  for (const kept of [1, 20, second.length - 2]) {
    appendFileSync(path, second.slice(0, kept));
    const again = open();
    assert.equal(again.last()?.n, 1, `${kept} bytes`);
    again.append(batch(2));
    assert.deepEqual(numbers(again.from(1, 10)), [1, 2], `${kept} bytes`);
    truncateSync(path, whole);
  }
});

test('a batch that stands there twice is read once', () => {
  const file = open();
  const doubtful = batch(2);
  for (const each of [batch(1), doubtful, doubtful, batch(3)]) file.append(each);
  assert.deepEqual(numbers(file.from(1, 10)), [1, 2, 3]);
});

test('any batch of a long file is found, whatever the lengths, and pages are bounded', () => {
  const file = open();
  for (let n = 1; n <= 300; n += 1) file.append(batch(n, n % 17 === 0 ? 200_000 : 60 * (n % 29)));
  appendFileSync(path, '{"n":301,"wri');
  for (const n of [1, 2, 17, 18, 150, 170, 299, 300]) assert.equal(file.from(n, 1)[0]?.n, n);
  assert.equal(file.last()?.n, 300);
  assert.deepEqual(numbers(file.from(290, 4)), [290, 291, 292, 293]);
  const large = [301, 302, 303, 304].map((n) => batch(n, 2 * 1024 * 1024));
  for (const each of large) file.append(each);
  assert.ok(file.from(301, 10).length < 4);
});

test.each([
  ['a link', () => symlinkSync(join(directory, 'elsewhere'), path)],
  ['a link to a file that is there', () => (writeFileSync(`${path}.1`, ''), symlinkSync(`${path}.1`, path))],
  ['a pipe that nobody reads', () => execFileSync('mkfifo', [path])],
  ['a directory', () => mkdirSync(path)],
  ['a file with another name', () => (writeFileSync(`${path}.1`, headerLine), linkSync(`${path}.1`, path))],
  ['a program', () => (writeFileSync(path, headerLine), chmodSync(path, 0o755))],
  ['a file of somebody else', () => writeFileSync(path, 'export PATH=/usr/bin\n')],
  ['a device', () => symlinkSync('/dev/null', path)],
])('%s is refused, and nothing is written to it', (_, make) => {
  make();
  const before = statSync(path, { throwIfNoEntry: false })?.size;
  assert.throws(() => openLineFile(path));
  assert.equal(statSync(path, { throwIfNoEntry: false })?.size, before);
});

test('a file that others could read is closed to them', () => {
  writeFileSync(path, headerLine);
  chmodSync(path, 0o644);
  open();
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

function plain({ prev, digest, payload, ...head }: Batch): Batch {
  const bytes = (given: Uint8Array) => new Uint8Array(given);
  return { ...head, prev: bytes(prev), digest: bytes(digest), payload: bytes(payload) };
}
