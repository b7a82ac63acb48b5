// An exact sliding window: in no interval of the window's length are more than N uses admitted, wherever it begins.
// A fixed window lets twice as many pass across its edge; a token bucket lets a burst and a refill add up to nearly as many.

/** Where one key stands. */
export interface Standing {
  readonly allowed: boolean;
  readonly limit: number;
  /** Uses left right now. */
  readonly remaining: number;
  /** Milliseconds until one more use is free; 0 when nothing is used. */
  readonly freesInMs: number;
}

/** Counts uses by key. One that counts in this process answers at once, so that nobody on the way of a call waits. */
export interface Limiter {
  /** Whether a use would be admitted, without using anything. */
  check(key: string): Standing | Promise<Standing>;
  /** Use one, if it is admitted. A refused use does not count. */
  consume(key: string): Standing | Promise<Standing>;
}

/** Counts the uses of this process. */
export interface Window extends Limiter {
  check(key: string): Standing;
  consume(key: string): Standing;
}

/** How much in how long, for how many keys at once. */
export interface LimitSettings {
  readonly limit: number;
  readonly windowMs: number;
  /** Keys with a use inside the window. When there are as many, a further key is refused rather than an old one forgotten. */
  readonly keysMax: number;
}

interface Ring {
  stamps: Float64Array;
  first: number;
  count: number;
}

/** @param now milliseconds, of a clock that never goes back */
export function slidingWindow(settings: LimitSettings, now: () => number): Window {
  // In order of the latest use, so that what has ended lies in front.
  const rings = new Map<string, Ring>();
  /** The last of `rings`, or one that is no longer among them. */
  let latest: Ring | undefined;
  const standing = (ring: Ring | undefined, at: number): Standing => {
    const count = ring?.count ?? 0;
    const oldest = ring === undefined || count === 0 ? undefined : ring.stamps[ring.first];
    const full = ring === undefined && rings.size >= settings.keysMax;
    return {
      allowed: count < settings.limit && !full,
      limit: settings.limit,
      remaining: full ? 0 : settings.limit - count,
      freesInMs: full ? settings.windowMs : oldest === undefined ? 0 : oldest + settings.windowMs - at + 1,
    };
  };
  const look = (key: string, at: number): Ring | undefined => {
    forgetEnded(rings, at - settings.windowMs);
    const ring = rings.get(key);
    if (ring !== undefined) dropBefore(ring, at - settings.windowMs);
    return ring;
  };
  return {
    check(key) {
      const at = Math.floor(now());
      return standing(look(key, at), at);
    },
    consume(key) {
      const at = Math.floor(now());
      let ring = look(key, at);
      if (!standing(ring, at).allowed) return standing(ring, at);
      ring ??= { stamps: new Float64Array(Math.min(settings.limit, 8)), first: 0, count: 0 };
      append(ring, at, settings.limit);
      if (ring !== latest) {
        rings.delete(key);
        rings.set(key, ring);
        latest = ring;
      }
      return { ...standing(ring, at), allowed: true };
    },
  };
}

/**
 * The headers of a standing: `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10), the older
 * `X-RateLimit-*` (reset as Unix seconds), and `Retry-After` when refused.
 *
 * @param policy the limit's name, as `mcp`
 * @param epochMs milliseconds since 1970
 */
export function limitHeaders(
  policy: string,
  standing: Standing,
  windowMs: number,
  epochMs: number,
): Record<string, string> {
  const seconds = Math.ceil(standing.freesInMs / 1000);
  const headers: Record<string, string> = {
    ratelimit: `"${policy}";r=${standing.remaining};t=${seconds}`,
    'ratelimit-policy': `"${policy}";q=${standing.limit};w=${Math.ceil(windowMs / 1000)}`,
    'x-ratelimit-limit': String(standing.limit),
    'x-ratelimit-remaining': String(standing.remaining),
    'x-ratelimit-reset': String(Math.ceil(epochMs / 1000) + seconds),
  };
  if (!standing.allowed) headers['retry-after'] = String(Math.max(seconds, 1));
  return headers;
}

function forgetEnded(rings: Map<string, Ring>, beforeMs: number): void {
  for (const [key, ring] of rings) {
    const latest = ring.stamps[(ring.first + ring.count - 1) % ring.stamps.length] ?? 0;
    if (ring.count > 0 && latest >= beforeMs) return;
    rings.delete(key);
  }
}

/** A use counts to the end of the millisecond in which the window closes. */
function dropBefore(ring: Ring, beforeMs: number): void {
  while (ring.count > 0 && (ring.stamps[ring.first] ?? 0) < beforeMs) {
    ring.first = (ring.first + 1) % ring.stamps.length;
    ring.count--;
  }
}

function append(ring: Ring, at: number, limit: number): void {
  if (ring.count === ring.stamps.length) {
    const grown = new Float64Array(Math.min(ring.stamps.length * 2, limit));
    for (let i = 0; i < ring.count; i++) grown[i] = ring.stamps[(ring.first + i) % ring.stamps.length] ?? 0;
    ring.stamps = grown;
    ring.first = 0;
  }
  ring.stamps[(ring.first + ring.count) % ring.stamps.length] = at;
  ring.count++;
}
