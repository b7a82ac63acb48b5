import type { Counted, UseCounter, UseLimit } from '../use-counter.ts';
import { scriptOf, type RedisServer } from './server.ts';

// Uses in Redis: one value for each name, with the uses of each sixtieth of the window. The oldest sixtieth counts as a whole
// although part of it has left the window, so what is admitted is never too much, and at most 61 numbers are kept. Time is
// Redis's own, the same for all instances; should it go back, uses count as of the latest sixtieth there is.
//
//   latest sixtieth · its uses · uses of the older ones · the oldest one (16 digits each) · ' sixtieth uses' of each older one
//
// Only the first use of a sixtieth reads and writes more than the head.

/** What {@link redisUseCounter} may be told. */
export interface RedisUseCounterOptions {
  /** Put before every key, for a Redis that others use too; `sealgate:` when not given. */
  readonly prefix?: string | undefined;
}

/** limit, milliseconds of a sixtieth, `use` or `look` → whether a use is admitted, uses inside, milliseconds until one is free. */
const countScript = scriptOf(`
local limit, width, uses = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3] == 'use'
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local part = math.floor(now / width)
local head = redis.call('GETRANGE', KEYS[1], 0, 63)
local latest, count, older, oldest = -1, 0, 0, part
if head ~= '' then
  latest, count = tonumber(string.sub(head, 1, 16)), tonumber(string.sub(head, 17, 32))
  older, oldest = tonumber(string.sub(head, 33, 48)), tonumber(string.sub(head, 49, 64))
end
local rest
if latest >= part then
  part = latest
else
  local kept = {}
  older, oldest = 0, nil
  local function keep(at, n)
    if at < part - 60 then return end
    older, oldest = older + n, oldest or at
    kept[#kept + 1] = string.format(' %d %d', at, n)
  end
  for at, n in string.gmatch(redis.call('GETRANGE', KEYS[1], 64, -1), '(%d+) (%d+)') do keep(tonumber(at), tonumber(n)) end
  if latest >= 0 then keep(latest, count) end
  rest, count, oldest = table.concat(kept), 0, oldest or part
end
local allowed = older + count < limit
if allowed and uses then
  count = count + 1
  head = string.format('%016d%016d%016d%016d', part, count, older, oldest)
  if rest then redis.call('SET', KEYS[1], head .. rest, 'PX', (part + 61) * width - now)
  else redis.call('SETRANGE', KEYS[1], 0, head) end
end
local used = older + count
return { allowed and 1 or 0, used, used > 0 and (oldest + 61) * width - now or 0 }
`);

/** Parts of a window. */
const partCount = 60;

/** A counter in Redis. */
export function redisUseCounter(
  redis: RedisServer,
  { prefix = 'sealgate:' }: RedisUseCounterOptions = {},
): UseCounter {
  const run = async (name: string, { limit, windowMs }: UseLimit, how: 'use' | 'look'): Promise<Counted> => {
    const key = `${prefix}l:${name}`;
    const values = [`${limit}`, `${Math.ceil(windowMs / partCount)}`, how];
    const [allowed, used, freesInMs] = (await redis.run(countScript, key, values)) as [
      number,
      number,
      number,
    ];
    return { allowed: allowed === 1, used, freesInMs };
  };
  return {
    look: async (name, limit) => run(name, limit, 'look'),
    use: async (name, limit) => run(name, limit, 'use'),
  };
}
