import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, it } from 'vitest';
import { sqliteTables } from './tables.ts';

/** Writes without end and says each key after it was acknowledged. */
function writer(file: string, networkMount: boolean) {
  const source = `
    import { writeSync } from 'node:fs';
    import { sqliteTables } from ${JSON.stringify(new URL('./tables.ts', import.meta.url).href)};
    const tables = sqliteTables({ file: ${JSON.stringify(file)}, now: Date.now, networkMount: ${networkMount} });
    for (let n = 0; ; n += 1) {
      await tables.transact([
        { put: 'connections', item: { groupId: 'g', connectionId: 'c' + n, n } },
        { put: 'uniques', item: { uniqueKey: 'c' + n } },
      ]);
      writeSync(1, n + '\\n');
      await new Promise(setImmediate);
    }`;
  return spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

it.each([
  ['a write-ahead log', false],
  ['a rollback journal', true],
])('after kill -9 with %s every acknowledged write is there, and none by half', async (_, networkMount) => {
  const directory = mkdtempSync(join(tmpdir(), 'crash-'));
  const file = join(directory, 'main.db');
  for (const enough of [50, 130, 300]) {
    const child = writer(file, networkMount);
    let acknowledged = -1;
    for await (const line of createInterface(child.stdout)) {
      acknowledged = Number(line);
      if (acknowledged === enough) child.kill('SIGKILL');
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    expect(child.signalCode).toBe('SIGKILL');
    const tables = sqliteTables({ file, now: Date.now, networkMount });
    for (let n = 0; n <= acknowledged; n += 1)
      expect((await tables.get('connections', { groupId: 'g', connectionId: `c${n}` }))?.item['n']).toBe(n);
    const connections = await tables.scan('connections', { limit: 1000 });
    const uniques = await tables.scan('uniques', { limit: 1000 });
    expect(uniques.items.length).toBe(connections.items.length);
    await tables.close();
  }
  rmSync(directory, { recursive: true });
});
