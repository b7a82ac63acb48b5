import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { sqliteTables } from './tables.ts';

const rounds = 500;

/** Waits for the other, then adds one to a number `rounds` times, retrying each lost revision. */
function incrementing(file: string, me: string, other: string) {
  const source = `
    import { sqliteTables } from ${JSON.stringify(new URL('./tables.ts', import.meta.url).href)};
    const tables = sqliteTables({ file: ${JSON.stringify(file)}, now: Date.now, networkMount: false });
    await tables.put('settings', { settingKey: ${JSON.stringify(me)} });
    while ((await tables.get('settings', { settingKey: ${JSON.stringify(other)} })) === undefined);
    for (let round = 0; round < ${rounds}; round += 1)
      for (;;) {
        const { item, revision } = await tables.get('settings', { settingKey: 'n' });
        if (await tables.put('settings', { settingKey: 'n', n: item.n + 1 }, { ifRevision: revision })) break;
      }
    await tables.close();`;
  return spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'inherit', 'inherit'],
  });
}

it('two processes on one file lose no update and stand in no way of each other', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'two-'));
  const file = join(directory, 'main.db');
  const tables = sqliteTables({ file, now: Date.now, networkMount: false });
  await tables.put('settings', { settingKey: 'n', n: 0 });
  const ended = [incrementing(file, 'a', 'b'), incrementing(file, 'b', 'a')].map((child) =>
    once(child, 'exit'),
  );
  expect(await Promise.all(ended)).toEqual([
    [0, null],
    [0, null],
  ]);
  expect((await tables.get('settings', { settingKey: 'n' }))?.item['n']).toBe(2 * rounds);
  await tables.close();
  rmSync(directory, { recursive: true });
});
