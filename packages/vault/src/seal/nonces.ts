import { randomFillSync } from 'node:crypto';

// Random bytes cost a microsecond a call and a tenth of that from a pool. A pool that comes back with a snapshot of the
// machine repeats nonces, so it is small, used bytes are wiped, and `dropNoncePool` exists.
const pool = Buffer.allocUnsafeSlow(3072);
let used = pool.length;

/** Fills the whole view with random bytes from the system's generator, out of a pool. */
export function fillNonce(into: Uint8Array): void {
  if (used + into.length > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const end = used + into.length;
  pool.copy(into, 0, used, end);
  pool.fill(0, used, end);
  used = end;
}

/** Forget the random bytes that are held ready. To be called after the process was frozen and resumed, or its machine was cloned. */
export function dropNoncePool(): void {
  pool.fill(0);
  used = pool.length;
}
