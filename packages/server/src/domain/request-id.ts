import { randomUUID } from 'node:crypto';

/**
 * A UUIDv7 (RFC 9562 §5.7): ids of later requests sort later, and are not to be guessed.
 *
 * @param nowMs milliseconds since 1970
 */
export function requestId(nowMs: number): string {
  const time = Math.floor(nowMs).toString(16).padStart(12, '0');
  // The version 4 UUID supplies variant and 74 random bits; node draws them from a pool.
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}
