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
  let counter = 0;
  let pool = Buffer.alloc(0);
  let used = 0;
  const take = (size: number): Buffer => {
    if (used + size > pool.length) {
      pool = Buffer.from(random(1000));
      used = 0;
    }
    used += size;
    return pool.subarray(used - size, used);
  };
  return (atMs) => {
    if (atMs > lastMs) {
      lastMs = atMs;
      counter = take(2).readUInt16BE() & 0x7ff;
    } else if (++counter > 0xfff) {
      lastMs += 1;
      counter = take(2).readUInt16BE() & 0x7ff;
    }
    const time = lastMs.toString(16).padStart(12, '0');
    const tail = take(8);
    tail[0] = (tail[0]! & 0x3f) | 0x80;
    const text = tail.toString('hex');
    const rise = counter.toString(16).padStart(3, '0');
    return `${time.slice(0, 8)}-${time.slice(8)}-7${rise}-${text.slice(0, 4)}-${text.slice(4)}`;
  };
}
