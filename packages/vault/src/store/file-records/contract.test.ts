import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import { bytesOf, type OpenRecords } from '../contract/records-case.ts';
import { recordsContract } from '../records-contract.ts';
import { fileOf } from './record-file.ts';
import { fileRecords } from './records.ts';

const hourMs = 3_600_000;
const source = JSON.stringify(new URL('./records.ts', import.meta.url).href);

function fresh() {
  return mkdtempSync(join(tmpdir(), 'file-records-'));
}

/** Every file below, drafts and lock among them. */
function filesIn(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
}

function child(directory: string, body: string) {
  const program = `
    import { writeSync } from 'node:fs';
    import { fileRecords } from ${source};
    const records = fileRecords({ directory: ${JSON.stringify(directory)}, now: Date.now });
    const endsAtMs = Date.now() + ${hourMs};
    ${body}`;
  return spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

const open: OpenRecords = async ({ now }) => {
  const directory = fresh();
  const records = fileRecords({ directory, now });
  return {
    records,
    settle: async () => undefined,
    async close() {
      await records.close();
      rmSync(directory, { recursive: true });
    },
  };
};

describe('records in files', () => {
  it.each(recordsContract)('$name', ({ run }) => run(open));

  it('three processes in one directory lose no update, and of their takers one wins', async () => {
    const directory = fresh();
    const records = fileRecords({ directory, now: Date.now });
    const endsAtMs = Date.now() + hourMs;
    await records.put('n', Uint8Array.of(0), { endsAtMs });
    for (let n = 0; n < 40; n += 1) await records.put(`code${n}`, bytesOf('x'), { endsAtMs });
    const body = `
      let won = 0;
      for (let round = 0; round < 40; round += 1) {
        for (;;) {
          const { bytes, revision } = await records.get('n');
          if (await records.put('n', Uint8Array.of(bytes[0] + 1), { endsAtMs, guard: { ifRevision: revision } })) break;
        }
        if (await records.take('code' + round)) won += 1;
      }
      writeSync(1, won + '\\n');`;
    const children = [child(directory, body), child(directory, body), child(directory, body)];
    const won = await Promise.all(
      children.map(async ({ stdout }) => {
        for await (const line of createInterface(stdout)) return Number(line);
        return 0;
      }),
    );
    expect((await records.get('n'))?.bytes).toEqual(Uint8Array.of(120));
    expect(won.reduce((sum, each) => sum + each)).toBe(40);
    await records.close();
    rmSync(directory, { recursive: true });
  });

  it('after kill -9 every acknowledged record is there, none by half, and others go on', async () => {
    const directory = fresh();
    const records = fileRecords({ directory, now: Date.now });
    let acknowledged = -1;
    for (const enough of [20, 45, 80]) {
      const writer = child(
        directory,
        `for (let n = ${acknowledged + 1}; ; n += 1) {
          await records.put('n' + n, new Uint8Array(20000).fill(n % 256), { endsAtMs });
          writeSync(1, n + '\\n');
        }`,
      );
      for await (const line of createInterface(writer.stdout)) {
        acknowledged = Number(line);
        if (acknowledged === enough) writer.kill('SIGKILL');
      }
      if (writer.exitCode === null && writer.signalCode === null) await once(writer, 'exit');
      for (let n = 0; n <= acknowledged; n += 1)
        expect((await records.get(`n${n}`))?.bytes).toEqual(new Uint8Array(20_000).fill(n % 256));
      expect((await records.scan({ limit: 1000 })).names.length).toBeLessThanOrEqual(acknowledged + 2);
    }
    // Drafts of the killed go in turn.
    for (let n = 0; n < 64; n += 1) await records.bar('b', Date.now() + hourMs);
    expect(filesIn(directory).filter((file) => file.endsWith('.tmp'))).toEqual([]);
    await records.close();
    rmSync(directory, { recursive: true });
  });

  it('nobody else can read a file, and a directory that others can read is refused', async () => {
    const directory = fresh();
    const records = fileRecords({ directory, now: Date.now });
    await records.put('../../etc/passwd', bytesOf('x'), { endsAtMs: Date.now() + hourMs });
    await records.bar('b', Date.now() + hourMs);
    const files = filesIn(directory);
    expect(files.length).toBe(3);
    for (const file of files) expect(statSync(file).mode & 0o077).toBe(0);
    await records.close();
    chmodSync(directory, 0o755);
    expect(() => fileRecords({ directory, now: Date.now })).toThrow(
      expect.objectContaining({ code: 'data_directory_unsafe' }),
    );
    rmSync(directory, { recursive: true });
  });

  it('a file that was changed, moved or linked is refused, not read', async () => {
    const directory = fresh();
    const records = fileRecords({ directory, now: Date.now });
    const endsAtMs = Date.now() + hourMs;
    const pathOf = (name: string) => join(directory, fileOf(name).folder, fileOf(name).file);
    const unreadable = expect.objectContaining({ code: 'store_unavailable' });
    await records.put('a', bytesOf('x'), { endsAtMs });
    const content = readFileSync(pathOf('a'));
    for (const name of ['b', 'c'])
      mkdirSync(join(directory, fileOf(name).folder), { recursive: true, mode: 0o700 });
    writeFileSync(pathOf('b'), content);
    await expect(records.get('b')).rejects.toEqual(unreadable);
    symlinkSync(pathOf('a'), pathOf('c'));
    await expect(records.get('c')).rejects.toEqual(unreadable);
    for (const changed of ['', 'x', '{}\n', '{"name":"a","endsAtMs":"x"}\n', content.subarray(0, 20)]) {
      writeFileSync(pathOf('a'), changed);
      await expect(records.get('a')).rejects.toEqual(unreadable);
    }
    await records.close();
    rmSync(directory, { recursive: true });
  });

  it('what has ended goes from the disk', async () => {
    const directory = fresh();
    const clock = { nowMs: Date.now() };
    const records = fileRecords({ directory, now: () => clock.nowMs });
    for (let n = 0; n < 30; n += 1)
      await records.put(`n${n}`, bytesOf('x'), { endsAtMs: clock.nowMs + 1000 });
    clock.nowMs += 2000;
    for (let n = 0; n < 64; n += 1) await records.bar('b', clock.nowMs + hourMs);
    expect(filesIn(directory).length).toBe(2);
    await records.close();
    rmSync(directory, { recursive: true });
  });
});
