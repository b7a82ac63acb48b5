import { createClient } from '@redis/client';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { envKey } from '@sealgate/vault';
import { SecureTokenManager } from '@sealgate/vault/tokens';
import type { Service } from '../test/backing/backing-server.ts';
import { atLeast, atMost, type Bar } from './bars.ts';
import { compared } from './quiet-rounds.ts';
import type { Part } from './stores-sessions.ts';
import { inTurns, type Called, type Load, type Turns } from './turns.ts';

// A token whose key is in memory, read from Redis and written to the journal, beside a bare GET of the same bytes in clear
// through the same client library.

const clientCount = 100;
const perCoreMin = 20_000;
const addedMsMax = 0.1;
const loads: readonly Load[] = [
  { name: 'getToken, Redis and journal, sequential', inFlight: 1 },
  { name: 'getToken, Redis and journal, pipelined', inFlight: 1, together: 500 },
];

/** Reading tokens, with every read in the journal. */
export async function tokensOnRedis({ endpoint: url, pid }: Service): Promise<Part> {
  const directory = await mkdtemp(join(tmpdir(), 'sealgate-tokens-'));
  const provider = envKey(randomBytes(32).toString('hex'));
  const tokens = new SecureTokenManager({ redis: { url }, provider, audit: { directory }, service: 'bench' });
  const client = createClient({ url });
  await client.connect();
  await tokens.connect();
  const turns: Turns[] = [];
  try {
    const clients = Array.from({ length: clientCount }, (_, n) => `client-${n}`);
    for (const each of clients) {
      const token = randomBytes(48).toString('base64url');
      await tokens.storeToken(each, 'stripe', token, undefined, { ttlSeconds: 3600 });
      await client.set(`plain:${each}:stripe`, token);
    }
    const way = (name: string, get: (client: string) => Promise<unknown>): Called => ({
      name,
      call: async (n) => {
        if (typeof (await get(clients[n % clientCount] ?? '')) !== 'string') throw new Error('no token');
      },
    });
    const ways = [
      way('getToken', (each) => tokens.getToken(each, 'stripe')),
      way('plain GET', (each) => client.get(`plain:${each}:stripe`)),
    ];
    for (const load of loads) turns.push(await inTurns(load, ways, pid === undefined ? [] : [pid]));
  } finally {
    client.destroy();
    await tokens.disconnect();
    await provider.close();
    await rm(directory, { recursive: true });
  }
  return { turns, bars: turns.flatMap(barsOf) };
}

// CPU time is that of all threads: what the journal's thread takes counts.
function barsOf(taken: Turns): readonly Bar[] {
  const { name, together } = taken.load;
  if (together !== undefined)
    return [
      atLeast(`${name}, a core`, 1e6 / (taken.ways['getToken']?.cpuUs ?? Number.NaN), '/s', perCoreMin),
    ];
  const addedUs = compared(taken, ['getToken', 'plain GET'], (a, b) => a.p50Us - b.p50Us);
  return [atMost(`${name}, added p50`, addedUs / 1000, 'ms', addedMsMax)];
}
