import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scanFileStorage } from './scan-file-storage.ts';
import { treesOf } from './source-trees.ts';

const at = (path: string, text: string) => scanFileStorage(treesOf(new Map([[path, text]])));
const scan = (text: string) => at('packages/server/src/gateway/planted.ts', text);
const inKeyring = (text: string) =>
  at('packages/vault/src/keys/private-file.ts', `import fs from 'node:fs';\n${text}`).map(
    ({ level }) => level,
  );

const planted: readonly string[] = [
  "import { writeFileSync } from 'node:fs'; writeFileSync('t', token);",
  "import { writeFile as put } from 'node:fs/promises'; await put('t', token);",
  "import { appendFile } from 'fs'; appendFile('t', token, done);",
  "import fs from 'fs'; fs.writeFileSync('t', token);",
  "import * as disk from 'node:fs'; disk.writeFileSync(`${dir}/t`, token);",
  "import fs from 'node:fs'; fs.promises.writeFile('t', token);",
  "import { promises } from 'node:fs'; promises.writeFile('t', token);",
  "import { promises as disk } from 'node:fs'; await disk.appendFile('t', token);",
  "import fs from 'node:fs'; const { writeFileSync } = fs; writeFileSync('t', token);",
  "import fs from 'node:fs'; const { promises: { writeFile } } = fs; await writeFile('t', token);",
  "import fs from 'node:fs'; const put = fs.writeFileSync; put('t', token);",
  "import fs from 'node:fs'; const disk = fs; disk.writeFileSync('t', token);",
  "import fs from 'node:fs'; fs['writeFileSync']('t', token);",
  "import fs from 'node:fs'; fs['write' + 'FileSync']('t', token);",
  'import fs from "node:fs"; fs[`write${kind}`]("t", token);',
  "import fs from 'node:fs'; fs[method]('t', token);",
  "import fs from 'node:fs'; fs.writeFileSync(...args);",
  "import fs from 'node:fs'; fs.writeFileSync.call(fs, 't', token);",
  "import fs from 'node:fs'; Reflect.apply(fs.writeFileSync, fs, ['t', token]);",
  "import fs from 'node:fs'; promisify(fs.writeFile)('t', token);",
  "import fs from 'node:fs'; fs.createWriteStream('t').end(token);",
  "import fs from 'node:fs'; const fd = fs.openSync('t', 'w');",
  "import { open } from 'node:fs/promises'; const file = await open('t', 'a');",
  "import { openSync } from 'node:fs'; const fd = openSync('t', flags);",
  "const fs = require('fs'); fs.writeFileSync('t', token);",
  "require('node:fs').writeFileSync('t', token);",
  "const fs = await import('node:fs/promises'); await fs.writeFile('t', token);",
  "const { writeFile } = await import('node:fs/promises'); await writeFile('t', token);",
  "const name = 'node:' + 'fs'; const disk = await import(name); disk.writeFileSync('t', token);",
  "import { createRequire } from 'node:module'; createRequire(import.meta.url)('fs').writeFileSync('t', token);",
  "process.getBuiltinModule('fs').writeFileSync('t', token);",
  "import { DatabaseSync } from 'node:sqlite'; new DatabaseSync('tokens.db');",
  "const { DatabaseSync } = await import('node:sqlite'); new DatabaseSync('tokens.db');",
  "import Database from 'better-sqlite3'; new Database('tokens.db');",
  "import store from 'session-file-store';",
  "localStorage.setItem('token', token);",
  "window.localStorage.setItem('token', token);",
  'sessionStorage.setItem(`${name}`, token);',
  "await Bun.write('t', token);",
  "await Deno.writeTextFile('t', token);",
];

const clean: readonly string[] = [
  "import { readFileSync } from 'node:fs'; readFileSync('t');",
  "import { openSync, closeSync } from 'node:fs'; closeSync(openSync('t', 'r'));",
  "import fs from 'node:fs'; fs.openSync('t');",
  "import fs from 'node:fs'; fs.readFileSync('t'); fs.statSync('t'); fs.existsSync('t');",
  "import type { WriteStream } from 'node:fs'; export type W = WriteStream;",
  "import { rmSync, unlinkSync } from 'node:fs'; rmSync('t'); unlinkSync('t');",
  "import { join } from 'node:path'; join('a', 'b');",
  'socket.write(bytes); response.writeHead(200); reply.write(chunk);',
  "const { writeFile } = archive; await writeFile('t', bytes);",
  "memory.writeFileSync('t', bytes);",
  "const open = (name: string) => name; open('x');",
  'records.put(name, bytes); tables.put(table, item);',
  'process.stdout.write(text);',
  "import { open } from './journal.ts'; open('x', 'w');",
  "import { writeFileSync } from './archive.ts'; writeFileSync('t');",
];

for (const text of planted)
  test(`found: ${text}`, () =>
    assert.equal(
      scan(text).some(({ level }) => level === 'fail'),
      true,
    ));
for (const text of clean) test(`no false alarm: ${text}`, () => assert.deepEqual(scan(text), []));

test('where files may be written, what others could read is a failure and a missing mode a warning', () => {
  assert.deepEqual(inKeyring("fs.writeFileSync('k', key, { mode: 0o600 });"), []);
  assert.deepEqual(inKeyring("fs.openSync('k', 'wx', 0o600);"), []);
  assert.deepEqual(inKeyring("fs.openSync('k', 'r');"), []);
  assert.deepEqual(inKeyring("fs.mkdirSync('d', { recursive: true, mode: 0o700 });"), []);
  assert.deepEqual(inKeyring("fs.writeFileSync('k', key);"), ['warn']);
  assert.deepEqual(inKeyring("fs.mkdirSync('d');"), ['warn']);
  assert.deepEqual(inKeyring("fs.writeFileSync('k', key, { mode: 0o644 });"), ['fail']);
  assert.deepEqual(inKeyring("const mode = 0o640; fs.writeFileSync('k', key, { mode: mode });"), ['fail']);
  assert.deepEqual(inKeyring("const mode = 0o640; fs.writeFileSync('k', key, { mode });"), ['fail']);
  assert.deepEqual(inKeyring("fs.chmodSync('k', 0o666);"), ['fail']);
  assert.deepEqual(inKeyring("fs.openSync('k', 'w', 0o666);"), ['fail']);
});
