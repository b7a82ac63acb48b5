import { randomBytes } from 'node:crypto';

/**
 * A source of UUIDv7 (RFC 9562, section 5.7) that rise within a millisecond too: `rand_a` is a counter that starts at a
 * random number below 2048 (section 6.2, method 1) and borrows the next millisecond when it runs over.
 *
 * @param random gives that many random bytes
 * @returns the id for a time in milliseconds since 1970; times must not go back
 */
export function uuid7Source(random: (size: number) => Uint8Array = randomBytes): (atMs: number) => string {
  let lastMs = -1;
  let time = '';
  let counter = 0;
  let pool = Buffer.alloc(0);
  let used = 0;
  /** Where that many unused bytes begin. */
  const take = (size: number): number => {
    if (used + size > pool.length) {
      pool = Buffer.from(random(1000));
      used = 0;
    }
    used += size;
    return used - size;
  };
  const begin = (ms: number): void => {
    lastMs = ms;
    const hex = ms.toString(16).padStart(12, '0');
    time = `${hex.slice(0, 8)}-${hex.slice(8)}-7`;
    const at = take(2);
    counter = pool.readUInt16BE(at) & 0x7ff;
  };
  return (atMs) => {
    if (atMs > lastMs) begin(atMs);
    else if (++counter > 0xfff) begin(lastMs + 1);
    const at = take(8);
    pool[at] = (pool[at]! & 0x3f) | 0x80;
    const rise = counter.toString(16).padStart(3, '0');
    return `${time}${rise}-${pool.toString('hex', at, at + 2)}-${pool.toString('hex', at + 2, at + 8)}`;
  };
}

/** The time in a UUIDv7, in milliseconds since 1970. `undefined` when the text is none. */
export function uuid7Ms(id: string): number | undefined {
  if (!/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/.test(id)) return undefined;
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}
