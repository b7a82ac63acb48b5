import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { memoryTables } from '../../store/memory/tables.ts';
import { sqliteTables } from '../../store/sqlite/tables.ts';
import type { Tables } from '../../store/tables.ts';
import { actOf, keysOf } from '../administration.ts';
import { receiptFor } from '../fixtures/receipt-for.ts';
import { mortalTables, type Death } from './fixtures/mortal-tables.ts';
import {
  check,
  everyWork,
  openInstance,
  openRoots,
  populate,
  rewrite,
  type Population,
  type Roots,
} from './fixtures/population.ts';
import { leaseMs, type KeyWork } from './job-row.ts';

// Whoever does the work is killed at any moment, again and again: the next one goes on, nothing is lost, and at the end all of
// it is done. What a process that was killed held is free a minute later: time is moved on by that.

const deaths: readonly Death[] = ['before', 'after', 'refused'];
const killsWanted = 50;
const kinds = new Set(everyWork.map(({ kind }) => kind));
/** Few writes or many: each kind is killed as often. */
const killsOfAKind = killsWanted / kinds.size;
const writesMax = 150;
let skewMs = 0;
const now = (): number => Date.now() + skewMs;

async function nothingLost(tables: Tables, roots: Roots, population: Population): Promise<void> {
  const later = await openInstance(tables, roots, now);
  for (const tenant of population.tenants) {
    await check(later, population, tenant);
    await rewrite(later, population, tenant);
  }
  await later.sealer.close();
}

/** @returns whether it came to its end before it was killed */
async function workUntilKilled(
  { tables, roots }: { readonly tables: Tables; readonly roots: Roots },
  work: KeyWork,
  at: number,
  death: Death,
): Promise<boolean> {
  const mortal = mortalTables(tables, at, death);
  const killed = mortal.died.then(() => false);
  const done = (async () => {
    const { sealer } = await openInstance(mortal.tables, roots, now);
    const receipt = await receiptFor(actOf(work), keysOf('*'));
    const { failures } = await sealer.administration.work(receipt, work, { settleMs: 0 });
    expect(failures).toEqual([]);
    return true;
  })();
  done.catch(() => undefined);
  return Promise.race([done, killed]);
}

test(`killed at ${killsWanted} random moments of every kind of work, it goes on and loses nothing`, async () => {
  const tables = memoryTables({ now });
  const roots = openRoots();
  const population = await populate(await openInstance(tables, roots, now), 8);
  const killed = new Map<string, number>();
  let kills = 0;
  for (let turn = 0; kills < killsWanted || turn % everyWork.length !== 0; turn += 1) {
    const work = everyWork[turn % everyWork.length] ?? { kind: 'root' };
    if (work.kind === 'root') roots.addRoot();
    for (let attempt = 0; ; attempt += 1) {
      const mayDie = attempt < 6 && (killed.get(work.kind) ?? 0) < killsOfAKind;
      // As often at one of the first ten writes as at one of the ten times as many that follow.
      const at = mayDie ? Math.floor(writesMax ** Math.random()) : Infinity;
      if (await workUntilKilled({ tables, roots }, work, at, deaths[kills % deaths.length] ?? 'before'))
        break;
      kills += 1;
      killed.set(work.kind, (killed.get(work.kind) ?? 0) + 1);
      skewMs += leaseMs + 1;
      await nothingLost(tables, roots, population);
    }
  }
  const { sealer } = await openInstance(tables, roots, now);
  const { holdings, unfinished } = await sealer.administration.status();
  expect(unfinished).toEqual([]);
  expect(holdings.map(({ provider }) => provider)).toEqual(['keyring']);
  expect(kills).toBe(killsWanted);
  expect(killed.size).toBe(kinds.size);
  await nothingLost(tables, roots, population);
}, 120_000);

test('a process that is killed -9 on a file goes on, again and again', async () => {
  const child = new URL('./fixtures/child.ts', import.meta.url).pathname;
  const directory = mkdtempSync(join(tmpdir(), 'rotate-'));
  const file = join(directory, 'main.db');
  const roots = openRoots();
  const open = () => sqliteTables({ file, now });
  let tables = open();
  const population = await populate(await openInstance(tables, roots, now), 20);
  await tables.close();
  let kills = 0;
  for (const work of everyWork.slice(0, 4)) {
    for (const line of [1 + Math.floor(Math.random() * 20), Infinity]) {
      const order = JSON.stringify({ file, secrets: roots.secrets(), work, skewMs, diesAt: line });
      const started = spawn(process.execPath, ['--conditions=@sealgate/source', child, order], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const ended = once(started, 'exit');
      started.stdout.resume();
      const [code] = (await ended) as [number | null];
      if (code === null) kills += 1;
      expect([null, 0]).toContain(code);
      skewMs += leaseMs + 1;
      tables = open();
      await nothingLost(tables, roots, population);
      await tables.close();
    }
  }
  expect(kills).toBeGreaterThanOrEqual(3);
  rmSync(directory, { recursive: true });
}, 120_000);
