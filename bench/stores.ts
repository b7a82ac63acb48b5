import { randomBytes } from 'node:crypto';
import { availableParallelism, tmpdir } from 'node:os';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { envKey, openSealer, sqliteTables } from '@sealgate/vault';
import { startDynamoDb } from '../test/backing/dynamodb.ts';
import { startRedis } from '../test/backing/redis.ts';
import type { Missing, Service } from '../test/backing/backing-server.ts';
import type { Bench } from './bars.ts';
import { messagesOnSqlite } from './stores-messages.ts';
import { recordsOnRedis } from './stores-records.ts';
import { sessionsOn, type Part } from './stores-sessions.ts';
import type { Turn, Turns } from './turns.ts';

// What the stores cost beside their services used bare, and beside other stores. What this machine lacks is left out, and
// said.

/** What this bench found. */
export interface StoresBench extends Bench {
  readonly node: string;
  readonly cores: number;
  readonly loads: readonly {
    readonly name: string;
    readonly othersShare: number;
    readonly ways: Readonly<Record<string, Turn>>;
  }[];
}

/** Run the bench: about five minutes. */
export async function run(): Promise<StoresBench> {
  const folder = await mkdtemp(join(tmpdir(), 'sealgate-stores-'));
  const tables = sqliteTables({ file: join(folder, 'keys.db'), now: Date.now });
  const provider = envKey(randomBytes(32).toString('hex'));
  const sealer = await openSealer({ tables, provider, now: Date.now });
  try {
    const parts = [
      ...(await on(startRedis, [
        (redis) => recordsOnRedis(redis, sealer),
        (redis) => sessionsOn('redis', redis, sealer),
      ])),
      ...(await on(startDynamoDb, [(dynamodb) => sessionsOn('dynamodb', dynamodb, sealer)])),
      await messagesOnSqlite(),
    ];
    return {
      bench: 'stores',
      node: process.version,
      cores: availableParallelism(),
      bars: parts.flatMap(({ bars }) => bars),
      loads: parts.flatMap(({ turns }) => turns).map(loadOf),
    };
  } finally {
    await sealer.close();
    await tables.close();
    await rm(folder, { recursive: true });
  }
}

function loadOf({ load, othersShare, ways }: Turns): StoresBench['loads'][number] {
  return { name: load.name, othersShare, ways };
}

async function on(
  start: () => Promise<Service | Missing>,
  measures: readonly ((service: Service) => Promise<Part>)[],
): Promise<readonly Part[]> {
  const service = await start();
  if ('missing' in service) {
    console.log(`left out: ${service.missing}`);
    return [];
  }
  const parts: Part[] = [];
  try {
    for (const measure of measures) parts.push(await measure(service));
  } finally {
    await service.stop();
  }
  return parts;
}
