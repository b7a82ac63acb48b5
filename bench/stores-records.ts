import { createClient } from '@redis/client';
import { randomBytes } from 'node:crypto';
import { sealedRecords, type Sealer } from '@sealgate/vault';
import { openRedis, redisRecords } from '@sealgate/vault/redis';
import type { Service } from '../test/backing/backing-server.ts';
import { atLeast, atMost, type Bar } from './bars.ts';
import { bare } from './seal-ways.ts';
import type { Part } from './stores-sessions.ts';
import { compared } from './quiet-rounds.ts';
import { inTurns, type Called, type Load, type Turns } from './turns.ts';

// A sealed record from Redis beside a bare GET of the same bytes in clear, through the same client library. Two further ways
// have no aim: the adapter without the seal, and a GET that is followed by the bare calls of node:crypto which no
// AES-256-GCM can do without.

const recordCount = 1000;
const recordBytes = 400;
const loads: readonly (Load & { readonly aim: number })[] = [
  { name: 'sealed record get, Redis, sequential', inFlight: 1, aim: 0.8 },
  { name: 'sealed record get, Redis, 64 in flight', inFlight: 64, aim: 0.65 },
  { name: 'sealed record get, Redis, pipelined', inFlight: 1, together: 500, aim: 0.35 },
];
const addedMsMax = 0.1;

/** Reading records, sealed and not. */
export async function recordsOnRedis({ endpoint: url, pid }: Service, sealer: Sealer): Promise<Part> {
  const redis = await openRedis({ url });
  const client = createClient({ url });
  await client.connect();
  const bars: Bar[] = [];
  const turns: Turns[] = [];
  try {
    const raw = redisRecords(redis, { now: Date.now });
    const sealed = sealedRecords(raw, sealer, { kind: 'record', table: 'bench', tenant: 'team' });
    const names = Array.from({ length: recordCount }, () => `record-${randomBytes(12).toString('hex')}`);
    for (const name of names) {
      const bytes = randomBytes(recordBytes);
      for (const records of [sealed, raw])
        await records.put(name, bytes, { endsAtMs: Date.now() + 3_600_000 });
      await client.set(`plain:${name}`, bytes.toString('latin1'));
    }
    const { open } = bare(randomBytes(recordBytes));
    const way = (name: string, get: (name: string) => Promise<unknown>): Called => ({
      name,
      call: async (n) => {
        const found = await get(names[n % recordCount] ?? '');
        if (found === undefined || found === null) throw new Error('a record is missing');
      },
    });
    const ways = [
      way('sealed', (name) => sealed.get(name)),
      way('unsealed', (name) => raw.get(name)),
      way('plain GET', (name) => client.get(`plain:${name}`)),
      way('plain GET, bare opening', (name) => client.get(`plain:${name}`).then(open)),
    ];
    for (const { aim, ...load } of loads) {
      const taken = await inTurns(load, ways, pid === undefined ? [] : [pid]);
      turns.push(taken);
      bars.push(...barsOf(taken, aim));
    }
  } finally {
    client.destroy();
    await redis.close();
  }
  return { bars, turns };
}

function barsOf(taken: Turns, aim: number): readonly Bar[] {
  const { name, inFlight, together } = taken.load;
  const pair = ['sealed', 'plain GET'] as const;
  const rate = atLeast(
    name,
    compared(taken, pair, (a, b) => a.perSecond / b.perSecond),
    '× plain GET',
    aim,
  );
  if (inFlight > 1 || together !== undefined) return [rate];
  const addedUs = compared(taken, pair, (a, b) => a.p50Us - b.p50Us);
  return [rate, atMost(`${name}, added p50`, addedUs / 1000, 'ms', addedMsMax)];
}
