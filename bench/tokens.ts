import { availableParallelism } from 'node:os';
import { startRedis } from '../test/backing/redis.ts';
import type { StoresBench } from './stores.ts';
import { keysAsked } from './tokens-keys.ts';
import { tokensOnRedis } from './tokens-redis.ts';

// What a token costs, in time and in questions to the key service.

/** Run the bench: about five minutes. */
export async function run(): Promise<StoresBench> {
  const service = await startRedis();
  const found: { -readonly [K in 'bars' | 'loads']: StoresBench[K] } = { bars: [], loads: [] };
  if ('missing' in service) console.log(`left out: ${service.missing}`);
  else
    try {
      const { bars, turns } = await tokensOnRedis(service);
      found.bars = bars;
      found.loads = turns.map(({ load, othersShare, ways }) => ({ name: load.name, othersShare, ways }));
    } finally {
      await service.stop();
    }
  return {
    bench: 'tokens',
    node: process.version,
    cores: availableParallelism(),
    bars: [...found.bars, ...(await keysAsked())],
    loads: found.loads,
  };
}
