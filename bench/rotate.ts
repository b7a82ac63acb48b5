import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { actOf, keysOf, openAudit, openJournal, sqliteTables } from '@sealgate/vault';
import {
  check,
  everyWork,
  openInstance,
  openRoots,
  populate,
  rewrite,
  type Population,
} from '../packages/vault/src/keys/rotate/fixtures/population.ts';
import { atLeast, atMost, type Bench } from './bars.ts';

// Every kind of rotation and both ways of a move, of 10,000 groups, while others read and write: what fails, what is lost, and
// how often the key provider is asked. SQLite on a file system in memory where there is one: what is measured is the work
// itself, and how it meets the others, not the disk.

const tenantsCount = 10_000;
const lanesCount = 4;
const pauseMs = 5;
const inMemory = '/dev/shm';
const now = (): number => Date.now();

type Instance = Awaited<ReturnType<typeof openInstance>>;

/** Run it. */
export async function run(): Promise<Bench> {
  const directory = await mkdtemp(join(existsSync(inMemory) ? inMemory : tmpdir(), 'bench-rotate-'));
  const tables = sqliteTables({ file: join(directory, 'main.db'), now });
  const roots = openRoots();
  const first = await openInstance(tables, roots, now);
  const population = await populate(first, tenantsCount);
  console.log(`${tenantsCount} groups, ${5 * tenantsCount} sealed values`);
  roots.addRoot();
  const serving = await openInstance(tables, roots, now);
  const doing = await openInstance(tables, roots, now);
  const failed = (refusal: unknown): void => console.error(refusal);
  const journal = await openJournal({
    path: join(directory, 'journal.db'),
    sealer: doing.sealer,
    now,
    failed,
  });
  const audit = openAudit({ journal, failed });
  const load = startLoad(serving, population);
  let undone = 0;
  let rootCalls = 0;
  for (const work of everyWork) {
    roots.calls.clear();
    const object = keysOf('*');
    const context = {
      tenant: '_system',
      actor: { type: 'person', id: 'bench' },
      source: 'cli',
      correlation: 'bench',
    } as const;
    const receipt = await audit.record('strict', context, { act: actOf(work), object, service: 'keys' });
    const beganAt = performance.now();
    const done = await doing.sealer.administration.work(receipt, work, { settleMs: 0 });
    undone += done.failures.length;
    const calls = [...roots.calls.values()].reduce((sum, count) => sum + count, 0);
    if (work.kind === 'root') rootCalls = calls;
    const seconds = (performance.now() - beganAt) / 1000;
    const { kind, suite, to } = work;
    const which = [kind, suite, to].filter((part) => part !== undefined).join(' ');
    console.log(`${which}: ${done.changed} changed, ${seconds.toFixed(1)} s, ${calls} calls of providers`);
  }
  const { operations, failures } = await load.stop();
  const lost = await lostOf(await openInstance(tables, roots, now), population);
  await journal.close();
  await tables.close();
  await rm(directory, { recursive: true });
  return {
    bench: 'rotate',
    bars: [
      atLeast('operations while keys of 10,000 groups are replaced', operations, '', 1000),
      atMost('of them failed', failures, '', 0),
      atMost('rows that were not done', undone, '', 0),
      atMost('groups of which anything is lost', lost, '', 0),
      atMost('provider calls a tenant key, for a root key', rootCalls / (tenantsCount + 1), '', 4),
    ],
  };
}

function startLoad(serving: Instance, population: Population) {
  const { tenants } = population;
  let busy = true;
  let operations = 0;
  let failures = 0;
  // Each lane has groups of its own: what it reads is what it wrote last.
  const lane = async (number: number): Promise<void> => {
    const mine = tenants.filter((_, at) => at % lanesCount === number);
    for (let round = 0; busy; round += 1) {
      const tenant = mine[(round * 7919) % mine.length] ?? '';
      const operation = round % 4 === 0 ? rewrite : check;
      await operation(serving, population, tenant).catch((error: unknown) => {
        failures += 1;
        console.error(error);
      });
      operations += 1;
      await sleep(pauseMs);
    }
  };
  const lanes = Array.from({ length: lanesCount }, (_, number) => lane(number));
  return {
    async stop() {
      busy = false;
      await Promise.all(lanes);
      return { operations, failures };
    },
  };
}

async function lostOf(later: Instance, population: Population): Promise<number> {
  let lost = 0;
  for (const tenant of population.tenants)
    await check(later, population, tenant).catch((error: unknown) => {
      lost += 1;
      console.error(error);
    });
  return lost;
}
